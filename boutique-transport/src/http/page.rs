//! Lists: `?limit=` and `?after=`, and the link to the next page.

use axum::Json;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use boutique_core::fault::Fault;
use serde::de::DeserializeOwned;

use super::exchange::{Exchange, Target, Upstream};
use super::problem::Problem;

/// Which page of a list is asked for.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// The cursor of the page before, from its `Link`.
    after: Option<String>,
}

/// How many are on a page unless it says otherwise.
pub const LIMIT: usize = 100;
/// How many may be on a page.
pub const LIMIT_MAX: usize = 1_000;

impl Page {
    /// How many are asked for.
    ///
    /// # Errors
    ///
    /// A 400 naming `limit`.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = &self.limit else {
            return Ok(LIMIT);
        };
        match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            _ => Err(Problem::invalid("limit", "must be 1 to 1000")),
        }
    }

    /// The cursor as `T`, if there is one.
    ///
    /// # Errors
    ///
    /// A 400 naming `after`.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let read = |text: &String| {
            let cursor = text.parse();
            cursor.map_err(|_| Problem::invalid("after", "is not a cursor from a Link header"))
        };
        self.after.as_ref().map(read).transpose()
    }

    /// The page after the one that ends with the cursor `last`, as a query of `target`.
    pub fn target(target: Target, last: Option<&str>, limit: usize) -> Target {
        let target = target.query("limit", limit);
        match last {
            Some(last) => target.query("after", last),
            None => target,
        }
    }
}

/// A list, with a link to the next page where `next` names the cursor that leads there. Give it
/// if the page is full; the page after it may be empty.
pub fn listed<T: Serialize>(uri: &Uri, limit: usize, items: &T, next: Option<&str>) -> Response {
    let mut response = Json(items).into_response();
    if let Some(next) = next {
        let link = linked(uri, limit, next);
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

/// RFC 8288: a reference relative to what was asked.
fn linked(uri: &Uri, limit: usize, next: &str) -> String {
    let next = Target::default().query("limit", limit).query("after", next);
    format!("<{}{next}>; rel=\"next\"", uri.path())
}

/// Up to `limit` items of the list at `target` after the cursor `after`, asked for in pages of
/// at most `page`; `cursor` names the cursor of an item.
///
/// # Errors
///
/// The fault of the first page that could not be had.
pub async fn collect<S: Exchange, T: DeserializeOwned + Send>(
    upstream: &Upstream<S>,
    target: Target,
    after: Option<&str>,
    limit: usize,
    page: usize,
    cursor: impl Fn(&T) -> &str + Send,
) -> Result<Vec<T>, Fault> {
    let mut items: Vec<T> = Vec::new();
    while items.len() < limit {
        let count = page.min(limit - items.len());
        let last = items.last().map(&cursor).or(after);
        let target = Page::target(target.clone(), last, count);
        let more: Vec<T> = upstream.bare(Method::GET, target).await?.json()?;
        let is_last = more.len() < count;
        items.extend(more);
        if is_last {
            break;
        }
    }
    Ok(items)
}
