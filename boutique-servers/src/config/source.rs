//! Where settings come from: variables and a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use toml::{Table, Value};

use super::table::{ALL, Setting};
use super::{ConfigError, Server};

/// Variables, and the keys of a file. It has no `Debug`: some values are secrets.
#[derive(Clone, Default)]
pub struct Source {
    /// Only variables that are settings. `None` for one that is not Unicode.
    variables: BTreeMap<&'static str, Option<String>>,
    file: Table,
}

/// What a source says of a setting.
pub(super) struct Said {
    /// The text; `None` if it is no text, number or flag.
    pub(super) text: Option<String>,
    /// How to find it: `PORT` or `key port of the file`.
    pub(super) place: String,
}

impl Source {
    /// The settings among `variables`, and those of the file at `path`. An empty variable is
    /// one that is not set.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be read or is no TOML.
    pub fn open(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let error = |text: String| ConfigError { errors: vec![text] };
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|it| {
                error(format!(
                    "the file {} cannot be read: {it}: name another with --config",
                    path.display()
                ))
            })?,
        };
        Self::parse(&text, variables).map_err(error)
    }

    /// The same, of the text of a file.
    ///
    /// # Errors
    ///
    /// Where the text stops being TOML.
    pub fn parse(
        file: &str,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, String> {
        let file = file.parse::<Table>().map_err(|error| {
            // The error's own text repeats the line, which may hold a secret.
            let before = error.span().and_then(|it| file.get(..it.start));
            let line = before.map_or(1, |it| it.matches('\n').count() + 1);
            format!("line {line} of the file is not TOML: write `key = \"value\"`")
        })?;
        let names: BTreeMap<&str, &'static str> = ALL
            .iter()
            .flat_map(|it| [Some(it.name), it.alias])
            .flatten()
            .map(|it| (it, it))
            .collect();
        let variables = variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .filter_map(|(name, value)| {
                Some((*names.get(name.to_str()?)?, value.into_string().ok()))
            })
            .collect();
        Ok(Self { variables, file })
    }

    /// Whether anything is said of `setting` to any of the nine servers.
    pub fn says(&self, setting: &Setting) -> bool {
        let mut servers = Server::NINE.into_iter();
        servers.any(|it| self.said(it, setting).is_some())
    }

    /// What is said of `setting` to `server`, strongest first: the variable, the key in the
    /// table of the server, the key at the top; under its name or its alias.
    pub(super) fn said(&self, server: Server, setting: &Setting) -> Option<Vec<Said>> {
        let variables: Vec<Said> = [Some(setting.name), setting.alias]
            .into_iter()
            .flatten()
            .filter_map(|name| {
                let text = self.variables.get(name)?.clone();
                let place = name.to_owned();
                Some(Said { text, place })
            })
            .collect();
        if !variables.is_empty() {
            return Some(variables);
        }
        let keys: Vec<String> = [Some(setting.key()), setting.alias_key()]
            .into_iter()
            .flatten()
            .collect();
        let own = self.file.get(server.name()).and_then(Value::as_table);
        [
            (own, format!("{}.", server.name())),
            (Some(&self.file), String::new()),
        ]
        .into_iter()
        .filter_map(|(table, prefix)| {
            let table = table?;
            let said: Vec<Said> = keys
                .iter()
                .filter_map(|key| {
                    let text = text_of(table.get(key)?);
                    let place = format!("key {prefix}{key} of the file");
                    Some(Said { text, place })
                })
                .collect();
            (!said.is_empty()).then_some(said)
        })
        .next()
    }

    /// Keys of the file that are no setting, with the remedy; and keys in the table of `server`
    /// that it does not read.
    pub(super) fn unknown(&self, server: Server, read: &[Setting]) -> Vec<String> {
        let servers: Vec<&str> = Server::NINE
            .iter()
            .chain([&Server::Boutique])
            .map(|it| it.name())
            .collect();
        let mut errors = Vec::new();
        for (key, value) in &self.file {
            let table = value.as_table().filter(|_| servers.contains(&key.as_str()));
            let Some(table) = table else {
                if !is_key(key) {
                    errors.push(unknown(key, "", &servers));
                }
                continue;
            };
            for inner in table.keys() {
                if !is_key(inner) {
                    errors.push(unknown(inner, &format!("{key}."), &[]));
                } else if key == server.name() && !read.iter().any(|it| goes_by(it, inner)) {
                    errors.push(format!(
                        "key {key}.{inner} of the file: the {key} server does not read it: remove it"
                    ));
                }
            }
        }
        errors
    }
}

fn goes_by(setting: &Setting, key: &str) -> bool {
    setting.key() == key || setting.alias_key().as_deref() == Some(key)
}

fn is_key(key: &str) -> bool {
    ALL.iter().any(|it| goes_by(it, key))
}

fn unknown(key: &str, prefix: &str, tables: &[&str]) -> String {
    let keys = ALL.iter().flat_map(|it| [Some(it.key()), it.alias_key()]);
    let tables = tables.iter().map(|it| Some((*it).to_owned()));
    let nearest = keys
        .chain(tables)
        .flatten()
        .map(|known| (strsim::osa_distance(key, &known), known))
        .min();
    let remedy = match nearest {
        Some((distance, known)) if distance <= 1 + known.len() / 4 => {
            format!("did you mean {known}?")
        }
        _ => "remove it; docs/configuration.md lists the keys".to_owned(),
    };
    format!("key {prefix}{key} of the file: there is no such setting: {remedy}")
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}
