//! Reading settings, and remembering what was wrong with them.

use std::net::IpAddr;
use std::time::Duration;

use boutique_core::checkout::DependencyPolicy;
use tracing_subscriber::filter::Targets;
use url::Url;

use super::source::Source;
use super::table::Setting;
use super::{ConfigError, Form, Server, StoreUrl};

/// Reads settings of one server. Whatever is wrong is noted, and reading goes on.
pub struct Reader<'a> {
    server: Server,
    source: &'a Source,
    read: Vec<Setting>,
    errors: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Reads what `source` says to `server`.
    pub const fn new(server: Server, source: &'a Source) -> Self {
        Self {
            server,
            source,
            read: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Whose settings are read.
    pub const fn server(&self) -> Server {
        self.server
    }

    /// Which settings were read.
    pub fn settings(&self) -> &[Setting] {
        &self.read
    }

    /// Notes an error that is not one setting's. Its text names settings and the remedy, and no
    /// value.
    pub fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }

    /// Ends reading.
    ///
    /// # Errors
    ///
    /// Everything that was wrong, and keys of the file that are no setting of this server.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        self.errors
            .extend(self.source.unknown(self.server, &self.read));
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(ConfigError {
                errors: self.errors,
            }),
        }
    }

    /// What is said of `setting`, else its default, as `T`.
    fn value<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(Form, &str) -> Option<T>,
    ) -> Option<T> {
        if !self.read.contains(setting) {
            self.read.push(*setting);
        }
        let Some(said) = self.source.said(self.server, setting) else {
            return parse(setting.form, setting.default?);
        };
        if let [first, second] = &*said
            && first.text != second.text
        {
            let (one, other) = (&first.place, &second.place);
            self.errors.push(format!(
                "{one} and {other} are the same setting and differ: remove one"
            ));
            return None;
        }
        let first = said.into_iter().next()?;
        let value = first.text.and_then(|it| parse(setting.form, it.trim()));
        if value.is_none() {
            let (place, form) = (first.place, setting.form);
            let or = if place.starts_with("key ") {
                format!(", or set {}", setting.name)
            } else {
                format!(", or unset it and set the key {}", setting.key())
            };
            self.errors
                .push(format!("{place}: must be {form}: correct it{or}"));
        }
        value
    }

    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        self.value(setting, Form::text)
    }

    pub(super) fn address(&mut self, setting: &Setting) -> IpAddr {
        self.value(setting, Form::address)
            .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
    }

    pub(super) fn port(&mut self, setting: &Setting, otherwise: u16) -> u16 {
        self.value(setting, Form::port).unwrap_or(otherwise)
    }

    /// For a setting with a default.
    pub(super) fn url(&mut self, setting: &Setting) -> Url {
        let otherwise = || setting.default.and_then(|it| setting.form.url(it));
        self.value(setting, Form::url)
            .or_else(otherwise)
            .unwrap_or_else(|| unreachable!("the default of {} is a URL", setting.name))
    }

    pub(super) fn optional_url(&mut self, setting: &Setting) -> Option<Url> {
        self.value(setting, Form::url)
    }

    pub(super) fn time(&mut self, setting: &Setting) -> Duration {
        self.value(setting, Form::time).unwrap_or_default()
    }

    pub(super) fn optional_count(&mut self, setting: &Setting) -> Option<u64> {
        self.value(setting, Form::count)
    }

    pub(super) fn count<T: TryFrom<u64> + Default>(&mut self, setting: &Setting) -> T {
        let count = self.value(setting, Form::count).unwrap_or_default();
        T::try_from(count).unwrap_or_default()
    }

    pub(super) fn flag(&mut self, setting: &Setting) -> bool {
        self.value(setting, Form::flag).unwrap_or_default()
    }

    pub(super) fn levels(&mut self, setting: &Setting) -> Targets {
        self.value(setting, Form::levels).unwrap_or_default()
    }

    pub(super) fn store(&mut self, setting: &Setting) -> Option<StoreUrl> {
        self.value(setting, Form::store)
    }

    pub(super) fn policy(&mut self, setting: &Setting) -> DependencyPolicy {
        let policy = self.value(setting, Form::policy);
        policy.unwrap_or(DependencyPolicy::FailClosed)
    }

    /// Like `text`, for what there is no doing without.
    pub(super) fn required(&mut self, setting: &Setting, remedy: &str) -> Option<String> {
        let before = self.errors.len();
        let text = self.text(setting);
        if text.is_none() && self.errors.len() == before {
            self.missing(setting, remedy);
        }
        text
    }

    /// Like `optional_url`, for what there is no doing without.
    pub(super) fn required_url(&mut self, setting: &Setting, remedy: &str) -> Option<Url> {
        let before = self.errors.len();
        let url = self.optional_url(setting);
        if url.is_none() && self.errors.len() == before {
            self.missing(setting, remedy);
        }
        url
    }

    /// Whether something is said of `setting`, right or wrong.
    pub(super) fn is_said(&self, setting: &Setting) -> bool {
        self.source.said(self.server, setting).is_some()
    }

    /// Notes that `setting` is missing.
    pub(super) fn missing(&mut self, setting: &Setting, remedy: &str) {
        let (name, key) = (setting.name, setting.key());
        self.errors
            .push(format!("{name}, key {key}: is missing: {remedy}"));
    }
}
