//! The table as documents of Google API Gateway: OpenAPI 2.0 and 3.0 with Google's extensions.
//!
//! What the documents say is what the table says, as far as Google's gateway knows of it:
//!
//! * It verifies issuer, audience, signature and times of a token and passes the claims on as
//!   `X-Apigateway-Api-Userinfo`. Scopes and owners are written as `x-boutique-*`, which it
//!   ignores: the services behind it check them.
//! * It cannot rewrite a path that has parameters. Every operation has
//!   `APPEND_PATH_TO_ADDRESS`, so a server behind it has to answer its paths under `/v1` too.
//! * Its quotas count projects by API key and minute, not principals: they are written only if
//!   [`Published::api_key`] asks for keys.
//!
//! <https://docs.cloud.google.com/api-gateway/docs/oasv2-extensions>,
//! <https://docs.cloud.google.com/api-gateway/docs/oasv3-extensions>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::route::{Access, Rate, Route};
use super::table::RouteTable;
use super::token::{Issuer, TokenPolicy};

/// What the documents say beyond the table.
#[derive(Clone, Debug)]
pub struct Published {
    /// The title of the API.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Where each upstream is, by its name: an https address without a path.
    pub upstreams: BTreeMap<String, String>,
    /// Ask for an API key beside the token, so that Google can count quotas by project.
    pub api_key: bool,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// An upstream of the table has no address.
    #[error("upstream {0} has no address")]
    Upstream(String),
    /// There is a route for holders of tokens, and nobody to issue one.
    #[error("the token policy names no issuer")]
    Issuer,
}

/// The name of the scheme by which an API key is asked for.
const API_KEY: &str = "apiKey";

/// How the two versions write what they write differently.
struct Dialect {
    param: fn(&str) -> Value,
    body: fn(&mut Map<String, Value>),
    backend: fn(&Route, &str) -> Value,
}

/// The OpenAPI 2.0 document.
///
/// # Errors
///
/// [`SpecError`] says what is missing.
pub fn openapi2(
    table: &RouteTable,
    tokens: &TokenPolicy,
    published: &Published,
) -> Result<Value, SpecError> {
    let dialect = Dialect {
        param: |name| json!({"name": name, "in": "path", "required": true, "type": "string"}),
        body: |operation| {
            let body = json!({"name": "body", "in": "body", "schema": {"type": "object"}});
            if let Some(Value::Array(params)) = operation.get_mut("parameters") {
                params.push(body);
            }
        },
        backend: |route, address| {
            json!({
                "address": address,
                "path_translation": "APPEND_PATH_TO_ADDRESS",
                "protocol": "http/1.1",
                "deadline": route.deadline.as_secs_f64(),
            })
        },
    };
    let paths = paths(table, tokens, published, &dialect)?;
    let mut schemes = Map::new();
    for (id, issuer) in identified(tokens) {
        let scheme = json!({
            "type": "oauth2",
            "flow": "implicit",
            "authorizationUrl": "",
            "x-google-issuer": issuer.issuer,
            "x-google-jwks_uri": issuer.jwks_uri,
            "x-google-audiences": issuer.audiences.join(","),
        });
        schemes.insert(id, scheme);
    }
    let mut document = json!({
        "swagger": "2.0",
        "info": {"title": published.title, "version": published.version},
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json", "application/problem+json"],
        "paths": paths,
    });
    if published.api_key {
        schemes.insert(API_KEY.to_owned(), api_key());
        let mut metrics = Vec::new();
        let mut limits = Vec::new();
        for (name, rate) in quotas(table) {
            metrics.push(json!({
                "name": name, "displayName": name, "valueType": "INT64", "metricKind": "DELTA",
            }));
            limits.push(json!({
                "name": format!("{name}-limit"),
                "metric": name,
                "unit": "1/min/{project}",
                "values": {"STANDARD": rate.per_minute.get()},
            }));
        }
        document["x-google-management"] = json!({"metrics": metrics, "quota": {"limits": limits}});
    }
    document["securityDefinitions"] = schemes.into();
    Ok(document)
}

/// The OpenAPI 3.0 document.
///
/// # Errors
///
/// [`SpecError`] says what is missing.
pub fn openapi3(
    table: &RouteTable,
    tokens: &TokenPolicy,
    published: &Published,
) -> Result<Value, SpecError> {
    let dialect = Dialect {
        param: |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
        body: |operation| {
            let json = json!({"application/json": {"schema": {"type": "object"}}});
            operation.insert("requestBody".to_owned(), json!({"content": json}));
        },
        backend: |route, _| backend_name(route).into(),
    };
    let paths = paths(table, tokens, published, &dialect)?;
    let mut schemes = Map::new();
    for (id, issuer) in identified(tokens) {
        let base = issuer.issuer.trim_end_matches('/');
        let scheme = json!({
            "type": "openIdConnect",
            "openIdConnectUrl": format!("{base}/.well-known/openid-configuration"),
            "x-google-auth": {
                "issuer": issuer.issuer,
                "jwksUri": issuer.jwks_uri,
                "audiences": issuer.audiences,
                "jwtLocations": [{"header": "Authorization", "valuePrefix": "Bearer "}],
            },
        });
        schemes.insert(id, scheme);
    }
    let mut backends = Map::new();
    for route in table.routes() {
        let address = address(published, route)?;
        let backend = json!({
            "address": address,
            "pathTranslation": "APPEND_PATH_TO_ADDRESS",
            "protocol": "http/1.1",
            "deadline": route.deadline.as_secs_f64(),
            "jwtAudience": address,
        });
        backends.insert(backend_name(route), backend);
    }
    let mut management = json!({"backends": backends});
    if published.api_key {
        schemes.insert(API_KEY.to_owned(), api_key());
        let mut metrics = Map::new();
        let mut limits = Map::new();
        for (name, rate) in quotas(table) {
            let limit = json!({"metric": name, "values": rate.per_minute.get()});
            limits.insert(format!("{name}-limit"), limit);
            metrics.insert(name.clone(), json!({"displayName": name}));
        }
        management["metrics"] = metrics.into();
        management["quota"] = json!({"limits": limits});
    }
    Ok(json!({
        "openapi": "3.0.4",
        "info": {"title": published.title, "version": published.version},
        "x-google-api-management": management,
        "components": {"securitySchemes": schemes},
        "paths": paths,
    }))
}

/// The operations, by path and method.
fn paths(
    table: &RouteTable,
    tokens: &TokenPolicy,
    published: &Published,
    dialect: &Dialect,
) -> Result<Map<String, Value>, SpecError> {
    let mut paths = Map::new();
    for route in table.routes() {
        let backend = (dialect.backend)(route, address(published, route)?);
        let params = route.path.split('/').filter_map(|it| {
            let name = it.strip_prefix('{')?.strip_suffix('}')?;
            Some((dialect.param)(name))
        });
        let mut operation = Map::new();
        let mut put = |name: &str, value: Value| operation.insert(name.to_owned(), value);
        put("operationId", (&*route.name).into());
        put("summary", (&*route.summary).into());
        put("parameters", params.collect());
        put(
            "responses",
            json!({"default": {"description": "see the upstream's own description"}}),
        );
        put("security", security(route, tokens, published)?);
        put("x-google-backend", backend);
        let Rate { per_minute, burst } = route.rate;
        put(
            "x-boutique-rate",
            json!({"perMinute": per_minute, "burst": burst}),
        );
        if let Access::Token { scopes, owner } = &route.access {
            put(
                "x-boutique-scopes",
                scopes.iter().map(|it| Value::from(&**it)).collect(),
            );
            if let Some(owner) = owner {
                put(
                    "x-boutique-owner",
                    json!({"param": owner.param, "unless": owner.unless}),
                );
            }
        }
        if published.api_key {
            put("x-google-quota", json!({"metricCosts": {metric(route): 1}}));
        }
        if !matches!(route.method, super::Method::Get | super::Method::Delete) {
            (dialect.body)(&mut operation);
        }
        let item = paths.entry(&*route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation.into();
    }
    Ok(paths)
}

fn address<'a>(published: &'a Published, route: &Route) -> Result<&'a str, SpecError> {
    let address = published.upstreams.get(&*route.upstream);
    let address = address.ok_or_else(|| SpecError::Upstream(route.upstream.to_string()))?;
    Ok(address.trim_end_matches('/'))
}

/// Any issuer will do; a key, where one is asked for, has to be there in any case.
fn security(
    route: &Route,
    tokens: &TokenPolicy,
    published: &Published,
) -> Result<Value, SpecError> {
    let with_key = |mut requirement: Map<String, Value>| {
        if published.api_key {
            requirement.insert(API_KEY.to_owned(), json!([]));
        }
        Value::from(requirement)
    };
    Ok(match &route.access {
        Access::Public if published.api_key => json!([with_key(Map::new())]),
        Access::Public => json!([]),
        Access::Token { .. } if tokens.issuers().is_empty() => return Err(SpecError::Issuer),
        Access::Token { .. } => identified(tokens)
            .map(|(id, _)| with_key(Map::from_iter([(id, json!([]))])))
            .collect(),
    })
}

fn identified(tokens: &TokenPolicy) -> impl Iterator<Item = (String, &Issuer)> {
    let numbered = tokens.issuers().iter().enumerate();
    numbered.map(|(at, issuer)| (format!("issuer{}", at + 1), issuer))
}

fn api_key() -> Value {
    json!({"type": "apiKey", "name": "x-api-key", "in": "header"})
}

/// A backend has one deadline, so an upstream has one backend for each.
fn backend_name(route: &Route) -> String {
    format!("{}-{}ms", route.upstream, route.deadline.as_millis())
}

/// What a request of this route is counted as: Google has few metrics, so one for each rate.
fn metric(route: &Route) -> String {
    format!("requests-at-{}-a-minute", route.rate.per_minute)
}

fn quotas(table: &RouteTable) -> BTreeMap<String, Rate> {
    let rates = table.routes().iter().map(|it| (metric(it), it.rate));
    rates.collect()
}
