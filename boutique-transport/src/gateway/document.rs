//! What the gateway says of itself at `/openapi.json`: its routes from the table, what they take
//! and answer from the documents of the servers that answer them.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::gateway::{Access, Route, RouteTable};
use boutique_core::ids::OrderId;
use boutique_core::orders::{Drove, OrderError};
use serde_json::{Map, Value, json};
use tower::util::BoxCloneSyncService;
use utoipa_axum::router::OpenApiRouter;

use crate::http::api::described;
use crate::http::{checkout, oms};

const SCHEMAS: &str = "#/components/schemas/";

/// The OpenAPI 3.1 document of a gateway that enforces `table`.
pub(super) fn document(table: &RouteTable) -> Value {
    let mut known = Known::new();
    let mut paths = Map::new();
    for path in ["/health", "/openapi.json"] {
        let described = known.documents["checkout"]["paths"][path].clone();
        paths.insert(path.to_owned(), known.translate("checkout", described));
    }
    for route in table.routes() {
        let item = paths.entry(&*route.path).or_insert_with(|| json!({}));
        item[method(route)] = known.operation(route);
    }
    let schemas = known.schemas();
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Boutique gateway", "version": env!("CARGO_PKG_VERSION")},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the issuer this gateway believes; each operation names the scopes it has to have",
            }},
        },
    })
}

fn method(route: &Route) -> String {
    route.method.as_str().to_ascii_lowercase()
}

/// What is known of the servers behind the gateway, and what was used of it.
struct Known {
    documents: BTreeMap<&'static str, Value>,
    used: BTreeSet<(&'static str, String)>,
}

impl Known {
    fn new() -> Self {
        type Place = BoxCloneSyncService<PlaceOrder, Outcome, CheckoutError>;
        type Review = BoxCloneSyncService<ReviewDecision, Outcome, CheckoutError>;
        type Drive = BoxCloneSyncService<OrderId, Drove, OrderError>;
        fn of<S: Clone + Send + Sync + 'static>(
            name: &'static str,
            routes: OpenApiRouter<S>,
        ) -> (&'static str, Value) {
            let (_, api) = described(name, routes);
            (name, serde_json::to_value(api).unwrap_or_default())
        }
        let checkout = of("checkout", checkout::routes::<Place, Review>());
        let oms = of("oms", oms::routes::<Drive>());
        Self {
            documents: BTreeMap::from([checkout, oms]),
            used: BTreeSet::new(),
        }
    }

    /// What `route` takes and answers: what its upstream says, if it is a known one, and what the
    /// gateway itself may answer instead.
    fn operation(&mut self, route: &Route) -> Value {
        let known = self
            .documents
            .get_key_value(&*route.upstream)
            .and_then(|(name, document)| {
                let path = document["paths"].get(&*route.upstream_path)?;
                Some((*name, path.get(method(route))?.clone()))
            });
        let mut operation = match known {
            Some((upstream, operation)) => self.translate(upstream, operation),
            None => bare(route),
        };
        operation["operationId"] = (&*route.name).into();
        operation["summary"] = (&*route.summary).into();
        let mut own = vec![
            (
                StatusCode::BAD_REQUEST,
                "The path or the body cannot be read",
            ),
            (
                StatusCode::TOO_MANY_REQUESTS,
                "Asked too often: see Retry-After",
            ),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "Nothing was done: try again",
            ),
            (
                StatusCode::GATEWAY_TIMEOUT,
                "No answer in time: it may have been done",
            ),
        ];
        if let Access::Token { scopes, owner } = &route.access {
            operation["security"] = json!([{"bearer": scopes}]);
            own.push((StatusCode::UNAUTHORIZED, "The token is missing or not good"));
            own.push((StatusCode::FORBIDDEN, "The token lacks a scope"));
            if owner.is_some() {
                own.push((StatusCode::NOT_FOUND, "It is somebody else's"));
            }
        }
        if operation.get("requestBody").is_some() {
            own.push((StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"));
        }
        let problem = self.name("checkout", "Problem");
        let content = json!({"application/problem+json": {
            "schema": {"$ref": format!("{SCHEMAS}{problem}")},
        }});
        for (status, description) in own {
            let responses = &mut operation["responses"];
            if responses.get(status.as_str()).is_none() {
                responses[status.as_str()] =
                    json!({"description": description, "content": content});
            }
        }
        operation
    }

    /// A part of `upstream`'s document as a part of ours.
    fn translate(&mut self, upstream: &'static str, mut part: Value) -> Value {
        match &mut part {
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    let named = member.as_str().and_then(|it| it.strip_prefix(SCHEMAS));
                    *member = match named {
                        Some(name) if key == "$ref" => {
                            format!("{SCHEMAS}{}", self.name(upstream, name)).into()
                        }
                        _ => self.translate(upstream, member.take()),
                    };
                }
            }
            Value::Array(items) => {
                for item in items {
                    *item = self.translate(upstream, item.take());
                }
            }
            _ => {}
        }
        part
    }

    /// What a schema of `upstream` is called here: two servers may mean different things by one
    /// name. Problems are the same everywhere.
    fn name(&mut self, upstream: &'static str, name: &str) -> String {
        if name == "Problem" {
            self.used.insert(("checkout", name.to_owned()));
            return name.to_owned();
        }
        self.used.insert((upstream, name.to_owned()));
        format!("{upstream}.{name}")
    }

    /// Every schema that is used, those that only another one names included.
    fn schemas(&mut self) -> Value {
        let mut schemas = Map::new();
        let mut done = BTreeSet::new();
        while let Some((upstream, name)) = self.used.difference(&done).next().cloned() {
            let schema = self.documents[upstream]["components"]["schemas"][&name].clone();
            let schema = self.translate(upstream, schema);
            schemas.insert(self.name(upstream, &name), schema);
            done.insert((upstream, name));
        }
        schemas.into()
    }
}

/// What can be said of a route whose upstream is not one of ours.
fn bare(route: &Route) -> Value {
    let names = route.path.split('/');
    let names = names.filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<_> = names
        .map(|it| json!({"name": it, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    json!({
        "parameters": parameters,
        "responses": {"200": {"description": "What the upstream answers"}},
    })
}
