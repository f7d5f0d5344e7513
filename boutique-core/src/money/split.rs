//! Splitting an amount without losing a cent.

use super::{Money, MoneyError};

/// Splits `total` in proportion to `weights`, in minor units, by largest remainders.
///
/// The parts sum to `total` exactly; a tie goes to the earlier part. What `total` has below
/// the minor unit goes to the first part that has a weight. If all weights are zero the first
/// part takes everything.
///
/// # Errors
///
/// [`MoneyError::Overflow`] if a weight times the amount does not fit.
///
/// # Panics
///
/// If there are no weights but something to split.
pub fn split(total: Money, weights: &[u128]) -> Result<Vec<Money>, MoneyError> {
    assert!(
        !weights.is_empty() || total.is_zero(),
        "something must take the amount"
    );
    let currency = total.currency();
    let all: u128 = weights.iter().sum();
    if all == 0 {
        let mut parts = vec![Money::zero(currency); weights.len()];
        if let Some(first) = parts.first_mut() {
            *first = total;
        }
        return Ok(parts);
    }
    let grain = Money::nanos_per_minor(currency).unsigned_abs();
    let (minor, dust) = (
        total.nanos.unsigned_abs() / grain,
        total.nanos.unsigned_abs() % grain,
    );
    let mut counts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let exact = minor.checked_mul(*weight).ok_or(MoneyError::Overflow)?;
        counts.push(exact / all);
        remainders.push((exact % all, at));
    }
    let missing = minor - counts.iter().sum::<u128>();
    remainders.sort_by_key(|&(rest, at)| (std::cmp::Reverse(rest), at));
    let raised = if planted!(RoundsUpTwice) {
        remainders.iter().filter(|it| it.0 > 0).count()
    } else {
        usize::try_from(missing).unwrap_or(usize::MAX)
    };
    for &(_, at) in remainders.iter().take(raised) {
        counts[at] += 1;
    }
    let mut amounts: Vec<u128> = counts.into_iter().map(|count| count * grain).collect();
    if let Some(at) = weights.iter().position(|&it| it > 0) {
        amounts[at] += dust;
    }
    let sign = if total.is_negative() { -1 } else { 1 };
    let signed = |nanos: u128| i128::try_from(nanos).map_err(|_| MoneyError::Overflow);
    amounts
        .into_iter()
        .map(|nanos| Money::from_nanos(currency, sign * signed(nanos)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Currency;
    use super::*;

    #[test]
    fn largest_remainders_take_the_odd_cents() {
        let cents = |count| Money::from_minor(Currency::USD, count).expect("in range");
        let parts = |total, weights: &[u128]| split(cents(total), weights).expect("splits");
        assert_eq!(parts(100, &[1, 1, 1]), [cents(34), cents(33), cents(33)]);
        assert_eq!(
            parts(-100, &[1, 1, 1]),
            [cents(-34), cents(-33), cents(-33)]
        );
        assert_eq!(parts(10, &[0, 6, 1]), [cents(0), cents(9), cents(1)]);
        assert_eq!(parts(7, &[0, 0]), [cents(7), cents(0)]);
    }
}
