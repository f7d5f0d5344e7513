//! Moments as text.

use std::fmt;
use std::str::FromStr;

use boutique_core::clock::Timestamp;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment as RFC 3339 text, exact to the microsecond: `2010-12-01T14:26:00.123456Z`.
///
/// Any offset and any precision are read; what is beyond a microsecond is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

/// Why a text is not a moment. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date and time with an offset, such as 2010-12-01T14:26:00Z")]
pub struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let read: jiff::Timestamp = text.parse().map_err(|_| NoMoment)?;
        // Towards the past, as everything that is counted in whole microseconds.
        let micros = read.as_nanosecond().div_euclid(1_000);
        let micros = i64::try_from(micros).map_err(|_| NoMoment)?;
        Ok(Self(Timestamp::from_micros(micros)))
    }
}

impl fmt::Display for Moment {
    /// A moment that no calendar has is written as the last one that it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = jiff::Timestamp::from_microsecond(self.0.as_micros());
        let read = read.unwrap_or(if self.0 < Timestamp::EPOCH {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        fmt::Display::fmt(&read, f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date and time with an offset, such as 2010-12-01T14:26:00Z")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A moment as whole microseconds since 1970, as our own clients write it because it costs
/// nothing and loses nothing; RFC 3339 text is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Micros(pub Timestamp);

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Micros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date and time with an offset, or whole microseconds since 1970")
            }

            fn visit_i64<E: Error>(self, micros: i64) -> Result<Micros, E> {
                Ok(Micros(Timestamp::from_micros(micros)))
            }

            fn visit_u64<E: Error>(self, micros: u64) -> Result<Micros, E> {
                let micros = i64::try_from(micros).map_err(|_| E::custom(NoMoment))?;
                self.visit_i64(micros)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Micros, E> {
                let Moment(at) = text.parse().map_err(E::custom)?;
                Ok(Micros(at))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_spelling_and_written_exactly() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-22T20:08:04.750Z", 1_795_378_084_750_000),
            ("2010-12-01T16:26:00.123456789+02:00", 1_291_213_560_123_456),
            ("1969-12-31T23:59:59.999999999Z", -1),
        ] {
            let read: Moment = text.parse().expect(text);
            assert_eq!(read.0.as_micros(), micros, "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2010-12-01",
            "2010-12-01T14:26:00",
            "1291213560",
        ] {
            assert_eq!(bad.parse::<Moment>(), Err(NoMoment), "{bad}");
        }
        assert!(Moment(Timestamp::MAX).to_string().starts_with("9999-12-3"));
    }
}
