//! The figures a tariff is made of.

use super::tariff::TariffError;
use super::{FreightClass, Zone};
use crate::money::{Currency, Money, MoneyError};

/// A price for a shipment: a flat part and one for every kilogram that is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreightRate {
    /// Once per shipment.
    pub flat: Money,
    /// For every started kilogram.
    pub per_kg: Money,
}

/// The prices of one currency, for the domestic zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// All parcels of an order together.
    pub parcels: FreightRate,
    /// All light freight of an order together.
    pub light: FreightRate,
    /// All standard freight of an order together.
    pub standard: FreightRate,
    /// All heavy freight of an order together.
    pub heavy: FreightRate,
}

/// What a zone does to price and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneTerms {
    /// Prices are multiplied by so many hundredths.
    pub percent: u16,
    /// Days a parcel takes.
    pub parcel_days: u16,
    /// Days freight takes, besides those of its class.
    pub freight_days: u16,
}

/// The terms of every zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zones {
    /// To the shop's own country.
    pub domestic: ZoneTerms,
    /// To Europe.
    pub europe: ZoneTerms,
    /// To anywhere else.
    pub world: ZoneTerms,
}

/// Why rates do not make a tariff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTariff {
    /// One set of rates names two currencies.
    #[error("the rates in {0} name another currency too")]
    Mixed(Currency),
    /// Two sets of rates have one currency.
    #[error("there are two sets of rates in {0}")]
    Duplicate(Currency),
    /// A rate is below nothing.
    #[error("a rate in {0} is negative")]
    Negative(Currency),
}

impl Rates {
    pub(super) fn check(&self) -> Result<Currency, InvalidTariff> {
        let currency = self.parcels.flat.currency();
        for rate in [self.parcels, self.light, self.standard, self.heavy] {
            for amount in [rate.flat, rate.per_kg] {
                if amount.currency() != currency {
                    return Err(InvalidTariff::Mixed(currency));
                }
                if amount.is_negative() {
                    return Err(InvalidTariff::Negative(currency));
                }
            }
        }
        Ok(currency)
    }

    pub(super) const fn of(&self, class: Option<FreightClass>) -> FreightRate {
        match class {
            None => self.parcels,
            Some(FreightClass::Light) => self.light,
            Some(FreightClass::Standard) => self.standard,
            Some(FreightClass::Heavy) => self.heavy,
        }
    }
}

impl FreightRate {
    pub(super) fn price(self, kilograms: u64, percent: u16) -> Result<Money, TariffError> {
        let by_weight = self
            .per_kg
            .nanos()
            .checked_mul(kilograms.into())
            .ok_or(MoneyError::Overflow)?;
        let by_weight = Money::from_nanos(self.per_kg.currency(), by_weight)?;
        Ok(self.flat.plus(by_weight)?.portion(percent.into(), 100)?)
    }
}

impl FreightClass {
    /// Every class, lightest first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Standard, Self::Heavy];

    /// Days to get hold of the people and the truck.
    pub(super) const fn handling_days(self) -> u16 {
        match self {
            Self::Light => 2,
            Self::Standard => 4,
            Self::Heavy => 7,
        }
    }
}

impl Zones {
    pub(super) const fn terms(&self, zone: Zone) -> ZoneTerms {
        match zone {
            Zone::Domestic => self.domestic,
            Zone::Europe => self.europe,
            Zone::World => self.world,
        }
    }
}

impl Default for Zones {
    fn default() -> Self {
        let terms = |percent, parcel_days, freight_days| ZoneTerms {
            percent,
            parcel_days,
            freight_days,
        };
        Self {
            domestic: terms(100, 2, 5),
            europe: terms(180, 5, 12),
            world: terms(250, 9, 25),
        }
    }
}
