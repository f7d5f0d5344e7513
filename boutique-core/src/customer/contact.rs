//! E-mail and postal addresses.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::schema::{record, text_cells};

/// Why a text is not an e-mail or an address. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidContact {
    /// Not `local@domain`, or longer than 254 bytes.
    #[error("email: must be local@domain of at most 254 bytes, without spaces")]
    Email,
    /// A field of the address is missing.
    #[error("address.{0}: must not be empty")]
    Missing(&'static str),
    /// A field of the address is too long or has control characters.
    #[error("address.{0}: must be text of at most 200 bytes without control characters")]
    Field(&'static str),
    /// An address in one text is empty, too long or has control characters.
    #[error("address: must be text of 1 to 1000 bytes without control characters")]
    Text,
}

/// An e-mail address: `local@domain`, at most 254 bytes (RFC 5321, 4.5.3.1.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

text_cells!(Email);

impl Email {
    /// Checks `text` and makes it an e-mail address.
    ///
    /// # Errors
    ///
    /// [`InvalidContact::Email`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidContact> {
        let text = text.into();
        let fits =
            text.len() <= 254 && !text.chars().any(|it| it.is_whitespace() || it.is_control());
        match text.rsplit_once('@') {
            Some((local, domain)) if fits && !local.is_empty() && !domain.is_empty() => {
                Ok(Self(text))
            }
            _ => Err(InvalidContact::Email),
        }
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as it is compared: in lower case.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidContact;
    fn try_from(text: String) -> Result<Self, InvalidContact> {
        Self::new(text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

record! {
    /// A postal address. Street, city and country are given; the rest may be empty.
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(try_from = "AddressFields")]
    pub struct Address {
        /// Street and number.
        pub street_address: String,
        /// City.
        pub city: String,
        /// State or region.
        pub state: String,
        /// Country.
        pub country: String,
        /// Postal code.
        pub zip_code: String,
    }
}

impl Address {
    /// Checks every field.
    ///
    /// # Errors
    ///
    /// [`InvalidContact`] names the field.
    pub fn checked(self) -> Result<Self, InvalidContact> {
        let fields = [
            ("street_address", &self.street_address, true),
            ("city", &self.city, true),
            ("state", &self.state, false),
            ("country", &self.country, true),
            ("zip_code", &self.zip_code, false),
        ];
        for (name, text, required) in fields {
            if required && text.trim().is_empty() {
                return Err(InvalidContact::Missing(name));
            }
            if text.len() > 200 || text.chars().any(char::is_control) {
                return Err(InvalidContact::Field(name));
            }
        }
        Ok(self)
    }

    /// The address as one line that two spellings of it share, to be made a pseudonym of.
    pub fn folded(&self) -> String {
        [
            &self.street_address,
            &self.city,
            &self.zip_code,
            &self.country,
        ]
        .map(|it| {
            it.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase()
        })
        .join("|")
    }
}

/// Where somebody lives: in fields, or in one text, as older clients give it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PostalAddress {
    /// In fields.
    Fields(Address),
    /// In one text.
    Text(AddressText),
}

/// An address in one text: 1 to 1000 bytes, perhaps of several lines.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AddressText(String);

impl AddressText {
    /// Checks `text` and takes it as an address.
    ///
    /// # Errors
    ///
    /// [`InvalidContact::Text`].
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidContact> {
        let text = text.into();
        let fits = !text.trim().is_empty()
            && text.len() <= 1_000
            && !text.chars().any(|it| it.is_control() && it != '\n');
        fits.then_some(Self(text)).ok_or(InvalidContact::Text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Address> for PostalAddress {
    fn from(address: Address) -> Self {
        Self::Fields(address)
    }
}

impl<'de> Deserialize<'de> for PostalAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = PostalAddress;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or street_address, city and country")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<PostalAddress, E> {
                let text = AddressText::new(text).map_err(E::custom)?;
                Ok(PostalAddress::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PostalAddress, A::Error> {
                let fields = Address::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PostalAddress::Fields(fields))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
struct AddressFields {
    #[serde(alias = "streetAddress")]
    street_address: String,
    city: String,
    #[serde(default)]
    state: String,
    country: String,
    #[serde(default, alias = "zipCode", deserialize_with = "text_or_number")]
    zip_code: String,
}

impl TryFrom<AddressFields> for Address {
    type Error = InvalidContact;
    fn try_from(it: AddressFields) -> Result<Self, InvalidContact> {
        Self {
            street_address: it.street_address,
            city: it.city,
            state: it.state,
            country: it.country,
            zip_code: it.zip_code,
        }
        .checked()
    }
}

/// Postal codes are text; older clients send a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(u64),
    }
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}
