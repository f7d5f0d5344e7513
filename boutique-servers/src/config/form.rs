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
    /// The id of a Google Cloud project.
    Project,
    /// The name of a topic or subscription of Pub/Sub.
    Resource,
    /// A host and a port.
    HostPort,
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
            Self::Project => f.write_str("a project id: 6 to 30 lower-case letters, digits and hyphens, a letter first"),
            Self::Resource => f.write_str("a name of Pub/Sub: 3 to 255 letters, digits and -_.~+%, a letter first, not goog"),
            Self::HostPort => f.write_str("a host and a port, such as 127.0.0.1:8085"),
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
            Self::Text | Self::OneOf(_) | Self::Project | Self::Resource | Self::HostPort => {
                self.text(text).is_some()
            }
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
        let fits = match self {
            Self::OneOf(words) => words.contains(&text),
            Self::Project => is_project(text),
            Self::Resource => is_resource(text),
            Self::HostPort => is_host_and_port(text),
            _ => true,
        };
        fits.then(|| text.to_owned())
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

/// <https://cloud.google.com/resource-manager/docs/creating-managing-projects>
fn is_project(text: &str) -> bool {
    let fine = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (6..=30).contains(&text.len())
        && text.starts_with(|it: char| it.is_ascii_lowercase())
        && text.bytes().all(fine)
}

/// <https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names>
fn is_resource(text: &str) -> bool {
    let fine = |it: u8| it.is_ascii_alphanumeric() || b"-_.~+%".contains(&it);
    (3..=255).contains(&text.len())
        && text.starts_with(|it: char| it.is_ascii_alphabetic())
        && !text.starts_with("goog")
        && text.bytes().all(fine)
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|it| it != 0)
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

    #[test]
    fn names_of_google_are_those_that_google_takes() {
        let long = "a".repeat(256);
        for (form, text, fits) in [
            (Form::Resource, "orders.oms", true),
            (Form::Resource, "Orders-dead_2~%+", true),
            (Form::Resource, "or", false),
            (Form::Resource, "1orders", false),
            (Form::Resource, "google-orders", false),
            (Form::Resource, "orders/oms", false),
            (Form::Resource, &*long, false),
            (Form::Project, "my-shop-1", true),
            (Form::Project, "My-shop", false),
            (Form::Project, "shop", false),
            (Form::HostPort, "127.0.0.1:8085", true),
            (Form::HostPort, "pubsub:8085", true),
            (Form::HostPort, "http://pubsub:8085", false),
            (Form::HostPort, "pubsub", false),
        ] {
            assert_eq!(form.fits(text), fits, "{text}");
        }
    }
}
