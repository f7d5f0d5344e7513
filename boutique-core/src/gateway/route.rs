//! One route: a method and a path, where it leads, who may take it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// The methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name, if routes can have it. Methods are case-sensitive (RFC 9110).
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose a resource is: a parameter of the path has to be the token's `sub`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The parameter that names the owner.
    pub param: Cow<'static, str>,
    /// The scope with which anybody's may be touched.
    pub unless: Cow<'static, str>,
}

/// Who may take a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has a valid token with all of these scopes.
    Token {
        /// The scopes, all of them.
        scopes: Vec<Cow<'static, str>>,
        /// Whose the resource is, if the path says so.
        owner: Option<Owner>,
    },
}

/// How often one principal may take a route, or, if it is public, one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute, in the long run.
    pub per_minute: NonZeroU32,
    /// Requests at once, after a rest.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate; zero counts as one.
    pub const fn new(per_minute: u32, burst: u32) -> Self {
        const fn at_least_one(count: u32) -> NonZeroU32 {
            match NonZeroU32::new(count) {
                Some(count) => count,
                None => NonZeroU32::MIN,
            }
        }
        Self {
            per_minute: at_least_one(per_minute),
            burst: at_least_one(burst),
        }
    }
}

/// One route of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// A name of its own among all routes: letters and digits, as in `getCart`.
    pub name: Cow<'static, str>,
    /// What it is for, in a few words.
    pub summary: Cow<'static, str>,
    /// The method.
    pub method: Method,
    /// The public path, such as `/v1/carts/{userId}/items`: `{name}` is one whole segment.
    pub path: Cow<'static, str>,
    /// Which upstream answers.
    pub upstream: Cow<'static, str>,
    /// The path at the upstream, of the same parameters.
    pub upstream_path: Cow<'static, str>,
    /// Who may take it.
    pub access: Access,
    /// How often one principal may, or, if it is public, one address.
    pub rate: Rate,
    /// How long it may take, from the last byte of the request's head.
    pub deadline: Duration,
}
