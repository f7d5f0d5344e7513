//! Any text as an amount, and arithmetic with any two: exact, or an error, never a wrap.
#![no_main]

use boutique_core::money::{Money, MoneyError, UNITS_MAX, split};
use libfuzzer_sys::fuzz_target;

/// Billionths of the largest amount.
const MAX: i128 = UNITS_MAX as i128 * 1_000_000_000;

/// The amount of so many billionths, or that it is too large.
fn exact(like: Money, nanos: i128) -> Result<Money, MoneyError> {
    if nanos.abs() > MAX {
        return Err(MoneyError::Overflow);
    }
    Ok(Money::from_nanos(like.currency(), nanos).expect("within the ceiling"))
}

fuzz_target!(|input: (&str, &str, u32, u64, u64, [u8; 4])| {
    let (left, right, factor, numerator, denominator, weights) = input;
    let read = |text| serde_json::from_str::<Money>(text);
    let (Ok(one), Ok(other)) = (read(left), read(right)) else {
        return;
    };
    for it in [one, other] {
        let text = serde_json::to_string(&it).expect("prints");
        assert_eq!(serde_json::from_str::<Money>(&text).expect("reads"), it);
        assert!(it.nanos().abs() <= MAX);
        assert!(it.rounded().nanos().abs() <= MAX);
        let off = (it.rounded().nanos() - it.nanos()).abs();
        let minor = 10_i128.pow(9 - u32::from(it.currency().digits()));
        assert!(off * 2 <= minor && it.rounded().nanos() % minor == 0);
    }
    if one.currency() == other.currency() {
        assert_eq!(one.plus(other), exact(one, one.nanos() + other.nanos()));
        assert_eq!(one.minus(other), exact(one, one.nanos() - other.nanos()));
    } else {
        assert!(matches!(one.plus(other), Err(MoneyError::Mixed { .. })));
        assert!(matches!(one.minus(other), Err(MoneyError::Mixed { .. })));
    }
    assert_eq!(
        one.times(factor),
        exact(one, one.nanos() * i128::from(factor))
    );
    if denominator > 0
        && let Ok(portion) = one.portion(numerator, denominator)
    {
        // A portion is off by half of the minor unit that it is rounded to, at most.
        let minor = 10_i128.pow(9 - u32::from(one.currency().digits()));
        let (numerator, denominator) = (i128::from(numerator), i128::from(denominator));
        if let Some(wanted) = one.nanos().checked_mul(numerator)
            && let Some(found) = portion.nanos().checked_mul(denominator)
            && let Some(off) = (found - wanted).checked_mul(2)
        {
            assert!(
                off.abs() <= denominator * minor,
                "{one:?} * {numerator} / {denominator}"
            );
        }
    }
    let parts = split(one, &weights.map(u128::from)).expect("small weights");
    let sum = parts.iter().map(Money::nanos).sum::<i128>();
    assert_eq!((parts.len(), sum), (weights.len(), one.nanos()));
});
