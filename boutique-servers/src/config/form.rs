//! What a setting looks like as text.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use boutique_core::checkout::DependencyPolicy;
use boutique_core::money::{Currency, Money};
use boutique_transport::http::exchange::base;
use jiff::SignedDuration;
use tracing_subscriber::filter::Targets;
use url::Url;

/// What a setting looks like; `Display` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// An IP address.
    Address,
    /// A TCP port.
    Port,
    /// The address of a server.
    Url,
    /// A length of time between these many milliseconds.
    Time {
        /// The shortest.
        min_ms: u64,
        /// The longest.
        max_ms: u64,
    },
    /// A whole number within bounds.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// Yes or no.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Which log lines are written.
    Levels,
    /// Where data is kept.
    Store,
    /// What to do without a dependency.
    Policy,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Text => f.write_str("a text"),
            Self::Address => f.write_str("an IP address, such as 127.0.0.1"),
            Self::Port => f.write_str("a port, 1 to 65535"),
            Self::Url => f.write_str("an http or https URL without query, such as http://127.0.0.1:8082"),
            Self::Time { min_ms, max_ms } => {
                let shown = |ms| SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
                let (min, max) = (shown(min_ms), shown(max_ms));
                write!(f, "a time such as 250ms, 10s or 15m, {min:#} to {max:#}")
            }
            Self::Count { min, max } => write!(f, "a whole number, {min} to {max}"),
            Self::Flag => f.write_str("true or false (or 1 or 0)"),
            Self::OneOf(words) => write!(f, "{}", words.join(" or ")),
            Self::Levels => {
                f.write_str("error, warn, info, debug or trace, or by module such as info,boutique_transport=debug")
            }
            Self::Store => f.write_str("memory: or sqlite:PATH"),
            Self::Policy => f.write_str("fail_closed, degrade, or fail_open_below:UNITS CURRENCY such as fail_open_below:50 USD"),
        }
    }
}

/// Where a server keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// In memory: gone when the process ends.
    Memory,
    /// In a SQLite file, which a missing one is created as.
    Sqlite(PathBuf),
}

impl FromStr for StoreUrl {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(Unfit),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// The text does not have the form. What it should be, [`Form`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text does not have the form of the setting")]
pub struct Unfit;

impl Form {
    /// Whether `text` has this form.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Text | Self::OneOf(_) => self.text(text).is_some(),
            Self::Address => self.address(text).is_some(),
            Self::Port => self.port(text).is_some(),
            Self::Url => self.url(text).is_some(),
            Self::Time { .. } => self.time(text).is_some(),
            Self::Count { .. } => self.count(text).is_some(),
            Self::Flag => self.flag(text).is_some(),
            Self::Levels => self.levels(text).is_some(),
            Self::Store => self.store(text).is_some(),
            Self::Policy => self.policy(text).is_some(),
        }
    }

    pub(super) fn text(self, text: &str) -> Option<String> {
        match self {
            Self::OneOf(words) => words.contains(&text).then(|| text.to_owned()),
            _ => Some(text.to_owned()),
        }
    }

    pub(super) fn address(self, text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    pub(super) fn port(self, text: &str) -> Option<u16> {
        text.parse().ok().filter(|it| *it != 0)
    }

    pub(super) fn url(self, text: &str) -> Option<Url> {
        base(text).ok()
    }

    pub(super) fn time(self, text: &str) -> Option<Duration> {
        let time = Duration::try_from(text.parse::<SignedDuration>().ok()?).ok()?;
        match self {
            Self::Time { min_ms, max_ms } => {
                let bounds = Duration::from_millis(min_ms)..=Duration::from_millis(max_ms);
                bounds.contains(&time).then_some(time)
            }
            _ => Some(time),
        }
    }

    pub(super) fn count(self, text: &str) -> Option<u64> {
        let count = text.replace('_', "").parse().ok()?;
        match self {
            Self::Count { min, max } => (min..=max).contains(&count).then_some(count),
            _ => Some(count),
        }
    }

    pub(super) fn flag(self, text: &str) -> Option<bool> {
        match text {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        }
    }

    pub(super) fn levels(self, text: &str) -> Option<Targets> {
        text.parse().ok()
    }

    pub(super) fn store(self, text: &str) -> Option<StoreUrl> {
        text.parse().ok()
    }

    pub(super) fn policy(self, text: &str) -> Option<DependencyPolicy> {
        match text {
            "fail_closed" => Some(DependencyPolicy::FailClosed),
            "degrade" => Some(DependencyPolicy::Degrade),
            _ => {
                let amount = text.strip_prefix("fail_open_below:")?;
                let (units, currency) = amount.trim().split_once(' ')?;
                let currency = Currency::new(currency.trim()).ok()?;
                let units = units.parse().ok().filter(|it: &i64| *it >= 0)?;
                let amount = Money::new(currency, units, 0).ok()?;
                Some(DependencyPolicy::FailOpenBelow(amount))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_within_their_bounds() {
        let time = Form::Time {
            min_ms: 10,
            max_ms: 60_000,
        };
        for (text, millis) in [
            ("10ms", Some(10)),
            ("1s", Some(1_000)),
            ("1m", Some(60_000)),
            ("9ms", None),
            ("2m", None),
            ("-1s", None),
            ("10", None),
            ("soon", None),
        ] {
            assert_eq!(time.time(text), millis.map(Duration::from_millis), "{text}");
        }
        let sqlite = |path: &str| Ok(StoreUrl::Sqlite(path.into()));
        for (text, store) in [
            ("memory:", Ok(StoreUrl::Memory)),
            ("sqlite:/data/shop.db", sqlite("/data/shop.db")),
            ("sqlite:shop.db", sqlite("shop.db")),
            ("sqlite:", Err(Unfit)),
            ("memory:x", Err(Unfit)),
            ("shop.db", Err(Unfit)),
        ] {
            assert_eq!(text.parse(), store, "{text}");
        }
        let fifty = Money::new(Currency::new("USD").expect("known"), 50, 0).expect("fits");
        for (text, policy) in [
            ("fail_closed", Some(DependencyPolicy::FailClosed)),
            (
                "fail_open_below:50 USD",
                Some(DependencyPolicy::FailOpenBelow(fifty)),
            ),
            ("fail_open_below:-1 USD", None),
            ("fail_open_below:50", None),
            ("fail_open", None),
        ] {
            assert_eq!(Form::Policy.policy(text), policy, "{text}");
        }
    }
}
