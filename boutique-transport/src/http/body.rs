//! Reading requests: JSON bodies, keys, versions. Every error names the field and the remedy,
//! and repeats nothing of what was sent.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use boutique_core::ids::IdempotencyKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::serve::is_stalled;

/// The client's name for what it asks (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A JSON body as `T`: 415 for another type, 413 for too much of it, 400 naming the field for
/// one that is missing or mistyped.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<S, T> FromRequest<S> for JsonBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonText(body) = JsonText::from_request(request, state).await?;
        parse(&body).map(Self)
    }
}

/// A body that says it is JSON, still to be read: 415 for another type, 413 for too much of it.
#[derive(Clone, Debug)]
pub struct JsonText(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = "Content-Type: must be application/json";
            return Err(Problem::new(status, detail));
        }
        let Whole(body) = Whole::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// The body as it came, whatever its type: 413 for too much of it.
#[derive(Clone, Debug)]
pub struct Whole(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self)
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
                }
                _ if is_stalled(&rejection) => {
                    Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")
                }
                _ => Problem::new(StatusCode::BAD_REQUEST, "the body broke off"),
            })
    }
}

/// A JSON body as `T`, or the default of `T` where there is no body.
#[derive(Clone, Copy, Debug)]
pub struct MaybeJson<T>(pub T);

impl<S, T> FromRequest<S> for MaybeJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Default,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Whole(body) = Whole::from_request(request, state).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        parse(&body).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let Ok(kind) = kind.to_str() else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.to_ascii_lowercase().starts_with("application/")
            && essence.to_ascii_lowercase().ends_with("+json"))
}

/// Reads `body` as a `T`.
///
/// # Errors
///
/// A 400 that names the field.
pub fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).or_else(|_| {
        // Only what is refused pays for knowing where.
        let json = &mut serde_json::Deserializer::from_slice(body);
        let read = serde_path_to_error::deserialize(&mut *json);
        let read = read.map_err(|error| {
            let last = error.path().iter().next_back().map(ToString::to_string);
            let path = error.path().to_string();
            explain(&path, &last.unwrap_or_default(), error.inner())
        })?;
        // It is whole, so what follows it is what was refused.
        let end = json.end().map_err(|error| explain(".", "", &error));
        end.map(|()| read)
    })
}

/// Says what is wrong at `path`, whose last step is `last`, without repeating what was sent.
fn explain(path: &str, last: &str, error: &serde_json::Error) -> Problem {
    if !error.is_data() {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body is not JSON, at line {line}, column {column}");
        return Problem::new(StatusCode::BAD_REQUEST, detail);
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if let Some(name) = quoted(text, "missing field `") {
        let field = match path {
            "." | "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        return Problem::invalid(&field, "is missing");
    }
    if text.starts_with("unknown field `") {
        // Its name is the sender's.
        let around = path.strip_suffix(last).unwrap_or_default();
        let around = around.trim_end_matches('.');
        let field = if around.is_empty() { "body" } else { around };
        let known = text.rsplit_once("`, expected ").map(|it| it.1);
        let known = known.map_or_else(String::new, |it| format!(": it has {it}"));
        return Problem::invalid(field, format!("has a field too many{known}"));
    }
    let field = if path == "." { "body" } else { path };
    // serde repeats the value, which may say anything, before it says what it expected.
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => Problem::invalid(field, format!("must be {expected}")),
        None if text.starts_with("invalid ") || text.starts_with("unknown ") => {
            Problem::invalid(field, "has the wrong type")
        }
        None => Problem::invalid(field, text),
    }
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split('`').next()
}

/// How a client of ours sends `key`: bare, as existing servers read it, unless it would be taken
/// for a structured-field string.
pub fn key_value(key: &IdempotencyKey) -> Option<HeaderValue> {
    let text = key.as_str();
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    if quoted {
        return HeaderValue::from_str(&format!("\"{text}\"")).ok();
    }
    HeaderValue::from_str(text).ok()
}

/// The `Idempotency-Key`, which has to be there.
#[derive(Clone, Debug)]
pub struct Key(pub IdempotencyKey);

/// The `Idempotency-Key`, if there is one.
#[derive(Clone, Debug)]
pub struct MaybeKey(pub Option<IdempotencyKey>);

impl<S: Send + Sync> FromRequestParts<S> for MaybeKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(&IDEMPOTENCY_KEY) else {
            return Ok(Self(None));
        };
        let refuse = |why: &str| Problem::invalid("Idempotency-Key", why);
        let text = value
            .to_str()
            .map_err(|_| refuse("must be visible ASCII characters"))?;
        // The draft writes a structured-field string; existing clients send it bare.
        let text = text
            .strip_prefix('"')
            .and_then(|it| it.strip_suffix('"'))
            .unwrap_or(text);
        let key = IdempotencyKey::new(text).map_err(|error| refuse(&error.to_string()))?;
        Ok(Self(Some(key)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let MaybeKey(key) = MaybeKey::from_request_parts(parts, state).await?;
        key.map(Self).ok_or_else(|| {
            Problem::invalid(
                "Idempotency-Key",
                "is missing: send a name of your own, the same when you try again",
            )
        })
    }
}

/// `If-Match` as a version, if there is one: `"7"`, `W/"7"` or `*`, which matches any.
#[derive(Clone, Copy, Debug)]
pub struct IfMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let refuse = || Problem::invalid("If-Match", "must be the ETag of an earlier answer");
        let text = value.to_str().map_err(|_| refuse())?.trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let text = text.strip_prefix("W/").unwrap_or(text);
        let version = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let version = version.and_then(|it| it.parse().ok()).ok_or_else(refuse)?;
        Ok(Self(Some(version)))
    }
}

/// The parameters of the path as `T`: 404 for one that cannot be an id, since nothing has it.
#[derive(Clone, Copy, Debug)]
pub struct PathOf<T>(pub T);

impl<S, T> FromRequestParts<S> for PathOf<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(it)| Self(it))
            .map_err(|_| Problem::not_found("there is nothing of that name"))
    }
}

/// The query as `T`: 400 for one that is missing something or mistyped.
#[derive(Clone, Copy, Debug)]
pub struct QueryOf<T>(pub T);

impl<S, T> FromRequestParts<S> for QueryOf<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(it)| Self(it)).map_err(|_| {
            let detail = "query: a parameter is missing or mistyped";
            Problem::new(StatusCode::BAD_REQUEST, detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Line {
        quantity: boutique_core::limits::Units,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Order {
        email: String,
        items: Vec<Line>,
    }

    #[test]
    fn an_error_names_the_field_and_repeats_nothing_that_was_sent() {
        for (body, text) in [
            ("{", "the body is not JSON, at line 1, column 1"),
            (r#"{"items":[]}"#, "email: is missing"),
            (
                r#"{"email":"jane@x","items":[{}]}"#,
                "items[0].quantity: is missing",
            ),
            (
                r#"{"email":"jane@x","items":[{"quantity":"jane"}]}"#,
                "items[0].quantity: must be i64",
            ),
            (
                r#"{"email":"jane@x","items":[{"quantity":0}]}"#,
                "items[0].quantity: quantity must be 1 to 10000, not 0",
            ),
            (
                r#"{"email":"jane@x","items":[{"quantity":"a\", expected jane"}]}"#,
                "items[0].quantity: must be i64",
            ),
            (
                r#"{"email":["jane"],"items":[]}"#,
                "email: must be a string",
            ),
            (r#""jane""#, "body: must be struct Order"),
            (
                r#"{"email":"jane@x","items":[]}jane"#,
                "the body is not JSON, at line 1, column 30",
            ),
        ] {
            let problem = parse::<Order>(body.as_bytes()).expect_err("refused");
            assert_eq!(problem.detail(), text);
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Aged {
        age: std::time::Duration,
    }

    #[test]
    fn a_field_that_is_not_known_is_told_by_what_it_is_in() {
        for name in ["jane", "ja.ne", "`jane`, expected x"] {
            let body = format!(r#"{{"age":{{"{name}":1}}}}"#);
            let problem = parse::<Aged>(body.as_bytes()).expect_err("refused");
            assert_eq!(
                problem.detail(),
                "age: has a field too many: it has `secs` or `nanos`"
            );
        }
    }

    #[tokio::test]
    async fn a_key_is_read_as_it_was_sent_quotes_and_all() {
        for text in ["k", "\"k\"", "\"", "\"\"", "\"a\"b\"", "a\"", "\\"] {
            let key = IdempotencyKey::new(text).expect("a key");
            let request =
                Request::get("/").header(&IDEMPOTENCY_KEY, key_value(&key).expect("a header"));
            let (mut parts, ()) = request.body(()).expect("a request").into_parts();
            let read = Key::from_request_parts(&mut parts, &()).await;
            assert_eq!(read.expect("a key").0, key);
        }
        let request = Request::get("/").header(&IDEMPOTENCY_KEY, "\"draft\"");
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        let read = Key::from_request_parts(&mut parts, &()).await;
        assert_eq!(read.expect("a key").0.as_str(), "draft");
    }
}
