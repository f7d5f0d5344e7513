//! Money: integer nanos of one currency, never mixed, rounded only where a name says so.

mod currency;
mod split;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use currency::{Currency, UnknownCurrency};
pub use split::split;

const NANOS_PER_UNIT: i128 = 1_000_000_000;

/// The largest amount, in units: what an `i64` of nanos per unit can always carry on the wire.
pub const UNITS_MAX: i64 = 1_000_000_000_000;

/// An amount of one currency, exact to a billionth of its unit.
///
/// On the wire it is `{"currency_code":"USD","units":19,"nanos":990000000}`; `units` is also
/// accepted as a digit string. `Display` writes the amount rounded half-even to the minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "wire::MoneyIn", into = "wire::MoneyOut")]
pub struct Money {
    currency: Currency,
    nanos: i128,
}

/// Why an amount cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum MoneyError {
    /// The result would be above the ceiling of [`UNITS_MAX`] units.
    #[error("amount is beyond {UNITS_MAX} units")]
    Overflow,
    /// Two currencies met.
    #[error("{left} and {right} cannot be combined")]
    Mixed {
        /// The currency on the left.
        left: Currency,
        /// The currency on the right.
        right: Currency,
    },
    /// The fraction is not below one unit, or its sign is not that of the units.
    #[error("nanos must be within 999999999 and have the sign of units")]
    Nanos,
}

impl Money {
    /// Nothing of `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { currency, nanos: 0 }
    }

    /// `nanos` billionths of a unit.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`] beyond [`UNITS_MAX`] units either way.
    pub const fn from_nanos(currency: Currency, nanos: i128) -> Result<Self, MoneyError> {
        if nanos.unsigned_abs() > UNITS_MAX as u128 * NANOS_PER_UNIT as u128 {
            return Err(MoneyError::Overflow);
        }
        Ok(Self { currency, nanos })
    }

    /// `units` and `nanos` billionths, both of one sign.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Nanos`] or [`MoneyError::Overflow`].
    pub fn new(currency: Currency, units: i64, nanos: i32) -> Result<Self, MoneyError> {
        if nanos.unsigned_abs() >= 1_000_000_000
            || (units > 0 && nanos < 0)
            || (units < 0 && nanos > 0)
        {
            return Err(MoneyError::Nanos);
        }
        Self::from_nanos(
            currency,
            i128::from(units) * NANOS_PER_UNIT + i128::from(nanos),
        )
    }

    /// `count` of the currency's minor unit: cents for USD, yen for JPY.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn from_minor(currency: Currency, count: i64) -> Result<Self, MoneyError> {
        Self::from_nanos(
            currency,
            i128::from(count) * Self::nanos_per_minor(currency),
        )
    }

    const fn nanos_per_minor(currency: Currency) -> i128 {
        10_i128.pow(9 - currency.digits() as u32)
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// The whole amount in billionths of a unit.
    pub const fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Whole units, towards zero.
    pub const fn units(&self) -> i64 {
        (self.nanos / NANOS_PER_UNIT) as i64
    }

    /// Billionths beyond [`Money::units`], of the same sign.
    pub const fn subunit_nanos(&self) -> i32 {
        (self.nanos % NANOS_PER_UNIT) as i32
    }

    /// Whether this is nothing.
    pub const fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether this is below nothing.
    pub const fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// The same amount with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            currency: self.currency,
            nanos: -self.nanos,
        }
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`].
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed {
                left: self.currency,
                right: other.currency,
            });
        }
        Self::from_nanos(self.currency, self.nanos + other.nanos)
    }

    /// The difference.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] for two currencies, [`MoneyError::Overflow`].
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.negated())
    }

    /// This amount `factor` times.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    pub fn times(self, factor: u32) -> Result<Self, MoneyError> {
        Self::from_nanos(self.currency, self.nanos * i128::from(factor))
    }

    /// `numerator / denominator` of this amount, rounded half-even to the minor unit.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Overflow`].
    ///
    /// # Panics
    ///
    /// If `denominator` is zero.
    pub fn portion(self, numerator: u64, denominator: u64) -> Result<Self, MoneyError> {
        let exact = self
            .nanos
            .checked_mul(i128::from(numerator))
            .ok_or(MoneyError::Overflow)?;
        let grain = Self::nanos_per_minor(self.currency);
        let count = div_half_even(exact, i128::from(denominator) * grain);
        Self::from_nanos(self.currency, count * grain)
    }

    /// This amount rounded half-even to the minor unit.
    #[must_use]
    pub fn rounded(self) -> Self {
        let grain = Self::nanos_per_minor(self.currency);
        Self {
            currency: self.currency,
            nanos: div_half_even(self.nanos, grain) * grain,
        }
    }

    /// The sum of `amounts`, which is nothing of `currency` if there are none.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Mixed`] for another currency, [`MoneyError::Overflow`].
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::zero(currency), Self::plus)
    }

    /// The amount as a decimal without its currency, rounded half-even: `19.99`.
    pub fn decimal(&self) -> String {
        let digits = usize::from(self.currency.digits());
        let minor = div_half_even(self.nanos, Self::nanos_per_minor(self.currency));
        let sign = if minor < 0 { "-" } else { "" };
        let count = minor.unsigned_abs();
        if digits == 0 {
            return format!("{sign}{count}");
        }
        let scale = 10_u128.pow(self.currency.digits().into());
        format!("{sign}{}.{:0digits$}", count / scale, count % scale)
    }
}

/// `a / b` with ties to the even quotient; `b` is positive.
const fn div_half_even(a: i128, b: i128) -> i128 {
    let (floor, rest) = (a.div_euclid(b), a.rem_euclid(b));
    let twice = rest * 2;
    if twice > b || (twice == b && floor % 2 != 0) {
        floor + 1
    } else {
        floor
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.decimal())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}.{:09}",
            self.currency,
            self.units(),
            self.subunit_nanos().abs()
        )
    }
}

mod wire {
    //! The JSON of an amount.

    use std::borrow::Cow;
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserialize, Deserializer, Serialize};

    use super::{Currency, Money, MoneyError};
    use crate::schema::{Cell, Kind, record};

    record! {
        #[derive(Serialize)]
        pub(super) struct MoneyOut {
            /// ISO 4217.
            currency_code: Currency,
            /// Whole units.
            units: i64,
            /// Billionths of a unit, of the same sign.
            nanos: i32,
        }
    }

    impl Cell for Money {
        const KIND: Kind = MoneyOut::KIND;
    }

    impl From<Money> for MoneyOut {
        fn from(money: Money) -> Self {
            Self {
                currency_code: money.currency(),
                units: money.units(),
                nanos: money.subunit_nanos(),
            }
        }
    }

    #[derive(Deserialize)]
    pub(super) struct MoneyIn<'a> {
        #[serde(borrow, alias = "currencyCode")]
        currency_code: Cow<'a, str>,
        units: UnitsIn,
        #[serde(default)]
        nanos: i32,
    }

    /// A whole number, or its digits as text.
    enum UnitsIn {
        Number(i64),
        Text(Result<i64, std::num::ParseIntError>),
    }

    impl<'de> Deserialize<'de> for UnitsIn {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(UnitsVisitor)
        }
    }

    struct UnitsVisitor;

    impl Visitor<'_> for UnitsVisitor {
        type Value = UnitsIn;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number or its digits as text")
        }

        fn visit_i64<E: Error>(self, units: i64) -> Result<UnitsIn, E> {
            Ok(UnitsIn::Number(units))
        }

        fn visit_u64<E: Error>(self, units: u64) -> Result<UnitsIn, E> {
            let units = i64::try_from(units);
            units
                .map(UnitsIn::Number)
                .map_err(|_| E::custom(MoneyError::Overflow))
        }

        fn visit_str<E: Error>(self, digits: &str) -> Result<UnitsIn, E> {
            Ok(UnitsIn::Text(digits.parse()))
        }
    }

    #[derive(Debug, thiserror::Error)]
    pub(super) enum InvalidMoney {
        #[error("currency_code: {0}")]
        Currency(#[from] super::UnknownCurrency),
        #[error("units: not a whole number")]
        Units(#[from] std::num::ParseIntError),
        #[error("{0}")]
        Amount(#[from] MoneyError),
    }

    impl TryFrom<MoneyIn<'_>> for Money {
        type Error = InvalidMoney;
        fn try_from(money: MoneyIn<'_>) -> Result<Self, InvalidMoney> {
            let currency = Currency::new(&money.currency_code)?;
            let units = match money.units {
                UnitsIn::Number(units) => units,
                UnitsIn::Text(units) => units?,
            };
            Ok(Self::new(currency, units, money.nanos)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(nanos: i128) -> Money {
        Money::from_nanos(Currency::USD, nanos).expect("in range")
    }

    #[test]
    fn ties_round_to_the_even_cent() {
        for (nanos, text) in [
            (5_000_000, "0.00"),
            (15_000_000, "0.02"),
            (25_000_000, "0.02"),
            (25_000_001, "0.03"),
            (-15_000_000, "-0.02"),
            (-25_000_000, "-0.02"),
            (19_990_000_000, "19.99"),
        ] {
            assert_eq!(usd(nanos).rounded().decimal(), text, "{nanos}");
        }
    }

    #[test]
    fn currencies_never_mix_and_amounts_never_wrap() {
        let yen = Money::from_minor(Currency::JPY, 5).expect("in range");
        assert!(matches!(yen.plus(usd(1)), Err(MoneyError::Mixed { .. })));
        let most = Money::new(Currency::USD, UNITS_MAX, 0).expect("the ceiling itself");
        assert_eq!(most.plus(usd(1)), Err(MoneyError::Overflow));
        assert_eq!(most.times(2), Err(MoneyError::Overflow));
        assert_eq!(Money::new(Currency::USD, 1, -1), Err(MoneyError::Nanos));
        assert_eq!(yen.decimal(), "5");
    }

    #[test]
    fn the_wire_form_is_the_one_of_the_contract() {
        let text = r#"{"currency_code":"USD","units":19,"nanos":990000000}"#;
        let money: Money = serde_json::from_str(text).expect("parses");
        assert_eq!(money.decimal(), "19.99");
        assert_eq!(serde_json::to_string(&money).expect("prints"), text);
        let texted = r#"{"currency_code":"USD","units":"-19","nanos":-990000000}"#;
        let money: Money = serde_json::from_str(texted).expect("parses");
        assert_eq!(money.decimal(), "-19.99");
        for (bad, why) in [
            (r#"{"currency_code":"ZZZ","units":1}"#, "currency_code"),
            (r#"{"currency_code":"USD","units":"1e3"}"#, "units"),
            (r#"{"currency_code":"USD","units":9000000000000}"#, "beyond"),
        ] {
            let error = serde_json::from_str::<Money>(bad)
                .expect_err("refused")
                .to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
