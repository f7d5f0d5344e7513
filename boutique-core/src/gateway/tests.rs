//! Which requests mean which route, and which routes are a table.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::spec::{Published, SpecError, openapi2, openapi3};
use super::*;

fn found(method: &str, path: &str) -> String {
    let table = RouteTable::standard();
    match table.find(Method::parse(method), path) {
        Ok(Resolved {
            route,
            upstream_path,
            owner,
            ..
        }) => {
            let owner = owner.map(|it| format!(" of {it}")).unwrap_or_default();
            format!("{}: {}{upstream_path}{owner}", route.name, route.upstream)
        }
        Err(Miss::Malformed(problem)) => format!("400 {problem}"),
        Err(Miss::NotFound) => "404".to_owned(),
        Err(Miss::MethodNotAllowed(methods)) => {
            let names: Vec<_> = methods.iter().map(|it| it.as_str()).collect();
            format!("405 {}", names.join(", "))
        }
    }
}

#[test]
fn every_public_route_leads_where_the_contract_says() {
    for (method, path, to) in [
        ("POST", "/v1/checkout", "placeOrder: checkout/checkout"),
        (
            "GET",
            "/v1/checkout/o-1",
            "getCheckout: checkout/checkout/o-1",
        ),
        ("GET", "/v1/carts/u1", "getCart: checkout/carts/u1 of u1"),
        (
            "DELETE",
            "/v1/carts/u1",
            "emptyCart: checkout/carts/u1 of u1",
        ),
        (
            "POST",
            "/v1/carts/u1/items",
            "addToCart: checkout/carts/u1/items of u1",
        ),
        ("GET", "/v1/catalog", "listProducts: checkout/catalog"),
        (
            "GET",
            "/v1/catalog/OLJCESPC7Z",
            "getProduct: checkout/catalog/OLJCESPC7Z",
        ),
        ("GET", "/v1/orders", "listOrders: oms/orders"),
        ("GET", "/v1/orders/o-1", "getOrder: oms/orders/o-1"),
        (
            "POST",
            "/v1/orders/o-1/cancel",
            "cancelOrder: oms/orders/o-1/cancel",
        ),
        (
            "POST",
            "/v1/orders/o-1/returns",
            "returnGoods: oms/orders/o-1/returns",
        ),
        ("PUT", "/v1/carts/u1", "405 GET, DELETE"),
        ("HEAD", "/v1/catalog", "405 GET"),
        ("get", "/v1/catalog", "405 GET"),
        ("GET", "/v1/dead-letters", "404"),
        ("GET", "/checkout/o-1", "404"),
        ("GET", "/V1/catalog", "404"),
        ("GET", "/health", "404"),
        ("GET", "/", "404"),
    ] {
        assert_eq!(found(method, path), to, "{method} {path}");
    }
}

#[test]
fn a_path_that_two_readers_could_read_differently_is_refused() {
    for (path, answer) in [
        ("/v1/carts/../orders", "400 a dot segment"),
        ("/v1/carts/./u1", "400 a dot segment"),
        ("/v1/carts/%2e%2e", "400 a dot segment"),
        ("/v1/carts/%2E%2e/items", "400 a dot segment"),
        ("/v1/carts/.%2e", "400 a dot segment"),
        ("/v1/carts/u1%2fitems", "400 a separator within a segment"),
        ("/v1/carts/u1%2Fitems", "400 a separator within a segment"),
        ("/v1/carts/u1%5citems", "400 a separator within a segment"),
        ("/v1/carts/u1\\items", "400 a separator within a segment"),
        ("/v1/carts/%252e%252e", "400 a double percent encoding"),
        ("/v1/carts/u1%252fitems", "400 a double percent encoding"),
        ("/v1//carts/u1", "400 an empty segment"),
        ("//v1/carts/u1", "400 an empty segment"),
        ("/v1/carts//", "400 an empty segment"),
        ("/v1/carts/u1/", "404"),
        ("/v1/carts/", "404"),
        ("/v1/carts/u1;role=admin", "400 a semicolon"),
        ("/v1/carts/u1%3brole", "400 a semicolon"),
        ("/v1/carts/u1%00", "400 a control character"),
        ("/v1/carts/u1%0d%0ax", "400 a control character"),
        ("/v1/carts/u1%c2%85", "400 a control character"),
        ("/v1/carts/u1%", "400 a malformed percent encoding"),
        ("/v1/carts/u1%4", "400 a malformed percent encoding"),
        ("/v1/carts/u1%zz", "400 a malformed percent encoding"),
        ("/v1/carts/u1%+1", "400 a malformed percent encoding"),
        ("/v1/carts/%c0%ae%c0%ae", "400 a malformed percent encoding"),
        (
            "/v1/carts/é",
            "400 a character that has to be percent-encoded",
        ),
        (
            "/v1/carts/a b",
            "400 a character that has to be percent-encoded",
        ),
        // Encoded letters are not the letters of a route.
        ("/%761/carts/u1", "404"),
        ("/v1/c%61rts/u1", "404"),
        // What is meant for one segment stays one, encoded afresh.
        ("/v1/carts/a%20b", "getCart: checkout/carts/a%20b of a b"),
        ("/v1/carts/%61bc", "getCart: checkout/carts/abc of abc"),
        (
            "/v1/carts/a@b,c",
            "getCart: checkout/carts/a%40b%2Cc of a@b,c",
        ),
        (
            "/v1/carts/%C3%A9%3f%23",
            "getCart: checkout/carts/%C3%A9%3F%23 of é?#",
        ),
        ("/v1/carts/100%25", "getCart: checkout/carts/100%25 of 100%"),
        ("/v1/carts/...", "getCart: checkout/carts/... of ..."),
    ] {
        assert_eq!(found("GET", path), answer, "{path}");
    }
}

fn route(name: &'static str, path: &'static str, upstream_path: &'static str) -> Route {
    Route {
        name: name.into(),
        summary: "".into(),
        method: Method::Get,
        path: path.into(),
        upstream: "x".into(),
        upstream_path: upstream_path.into(),
        access: Access::Public,
        rate: Rate::new(0, 0),
        deadline: Duration::from_secs(1),
    }
}

#[test]
fn a_table_that_could_be_misread_is_none() {
    let owned = |param: &'static str, scope: &'static str| {
        let mut route = route("a", "/a/{id}", "/a/{id}");
        let owner = Some(Owner {
            param: param.into(),
            unless: "any".into(),
        });
        route.access = Access::Token {
            scopes: vec![scope.into()],
            owner,
        };
        route
    };
    let late = Route {
        deadline: Duration::ZERO,
        ..route("a", "/a", "/a")
    };
    for (routes, error) in [
        (
            vec![route("a", "/a", "/a"), route("a", "/b", "/b")],
            InvalidTable::Name("a".into()),
        ),
        (
            vec![route("a b", "/a", "/a")],
            InvalidTable::Name("a b".into()),
        ),
        (vec![route("a", "a", "/a")], InvalidTable::Path("a".into())),
        (
            vec![route("a", "/a/", "/a")],
            InvalidTable::Path("a".into()),
        ),
        (
            vec![route("a", "/a", "/../a")],
            InvalidTable::Path("a".into()),
        ),
        (
            vec![route("a", "/a/{id}x", "/a/{id}x")],
            InvalidTable::Path("a".into()),
        ),
        (
            vec![route("a", "/{i}/{i}", "/{i}")],
            InvalidTable::Path("a".into()),
        ),
        (
            vec![route("a", "/a/{id}", "/a/{no}")],
            InvalidTable::Params("a".into()),
        ),
        (
            vec![route("a", "/a/{id}", "/a")],
            InvalidTable::Params("a".into()),
        ),
        (
            vec![route("a", "/a/{id}", "/a/{id}"), route("b", "/a/b", "/b")],
            InvalidTable::Overlap("a".into(), "b".into()),
        ),
        (
            vec![
                route("a", "/a/{id}", "/a/{id}"),
                route("b", "/a/{no}", "/b/{no}"),
            ],
            InvalidTable::Overlap("a".into(), "b".into()),
        ),
        (
            vec![
                route("a", "/a/{id}/x", "/x/{id}"),
                route("b", "/a/{no}/y", "/y/{no}"),
            ],
            InvalidTable::ParamName("a".into(), "b".into()),
        ),
        (vec![owned("no", "s")], InvalidTable::Owner("a".into())),
        (vec![owned("id", "s t")], InvalidTable::Scope("a".into())),
        (vec![late], InvalidTable::Deadline("a".into())),
    ] {
        assert_eq!(RouteTable::new(routes).map(|_| ()), Err(error));
    }
}

#[test]
fn an_issuer_has_one_name_one_way_to_sign_and_an_audience() {
    let issuer = |name: &str, audience: &str| Issuer {
        issuer: name.into(),
        jwks_uri: "https://x/jwks".into(),
        audiences: vec![audience.into()],
        algorithm: Algorithm::Rs256,
    };
    for (issuers, error) in [
        (vec![issuer("", "a")], InvalidPolicy::Unnamed),
        (
            vec![issuer("i", "a"), issuer("i", "b")],
            InvalidPolicy::Twice("i".into()),
        ),
        (vec![issuer("i", "")], InvalidPolicy::Audience("i".into())),
    ] {
        assert_eq!(TokenPolicy::new(issuers), Err(error));
    }
    let policy = TokenPolicy::new(vec![issuer("i", "a")]).expect("a policy");
    assert_eq!(policy.leeway(), Duration::from_secs(60));
    assert!(policy.with_leeway(Duration::from_secs(301)).is_err());
}

fn published(api_key: bool) -> (RouteTable, TokenPolicy, Published) {
    let issuer = |name: &str| Issuer {
        issuer: name.into(),
        jwks_uri: format!("{name}/jwks"),
        audiences: vec!["shop".into(), "desk".into()],
        algorithm: Algorithm::Rs256,
    };
    let tokens = TokenPolicy::new(vec![issuer("https://a"), issuer("https://b")]);
    let address = |name: &str| (name.to_owned(), format!("https://{name}.example/"));
    let published = Published {
        title: "Shop".into(),
        version: "1".into(),
        upstreams: BTreeMap::from([address("checkout"), address("oms")]),
        api_key,
    };
    (RouteTable::standard(), tokens.expect("a policy"), published)
}

#[test]
fn both_documents_say_of_every_route_what_the_table_says_and_nothing_else() {
    let (table, tokens, published) = published(false);
    let two = openapi2(&table, &tokens, &published).expect("complete");
    let three = openapi3(&table, &tokens, &published).expect("complete");
    let backends = &three["x-google-api-management"]["backends"];
    for document in [&two, &three] {
        let paths = document["paths"].as_object().expect("paths");
        let operations: usize = paths
            .values()
            .filter_map(|it| Some(it.as_object()?.len()))
            .sum();
        assert_eq!(operations, table.routes().len());
        for route in table.routes() {
            let operation = &paths[&*route.path][route.method.as_str().to_lowercase()];
            assert_eq!(operation["operationId"], *route.name);
            assert_eq!(
                operation["security"],
                json!([{"issuer1": []}, {"issuer2": []}])
            );
            // The path that the document has leads to the same upstream by our own table.
            let example = route.path.replace(['{', '}'], "");
            let resolved = table.find(Some(route.method), &example).expect("a route");
            assert_eq!(&resolved.route.name, &route.name);
            let params = operation["parameters"].as_array().expect("parameters");
            let params = params.iter().filter(|it| it["in"] == "path").count();
            assert_eq!(params, route.path.matches('{').count());
            let backend = match &operation["x-google-backend"] {
                Value::String(name) => &backends[name],
                inline => inline,
            };
            assert_eq!(
                backend["address"],
                format!("https://{}.example", route.upstream)
            );
            assert_eq!(backend["deadline"], route.deadline.as_secs_f64());
            let Access::Token { scopes, owner } = &route.access else {
                panic!("the contract has no public routes");
            };
            assert_eq!(operation["x-boutique-scopes"], json!(scopes));
            let expected = owner
                .as_ref()
                .map(|it| json!({"param": it.param, "unless": it.unless}));
            assert_eq!(operation.get("x-boutique-owner"), expected.as_ref());
        }
    }
    let scheme = &two["securityDefinitions"]["issuer1"];
    assert_eq!(scheme["x-google-issuer"], "https://a");
    assert_eq!(scheme["x-google-jwks_uri"], "https://a/jwks");
    assert_eq!(scheme["x-google-audiences"], "shop,desk");
    let auth = &three["components"]["securitySchemes"]["issuer2"]["x-google-auth"];
    assert_eq!(auth["issuer"], "https://b");
    assert_eq!(auth["jwksUri"], "https://b/jwks");
    assert_eq!(auth["audiences"], json!(["shop", "desk"]));
}

#[test]
fn keys_bring_quotas_and_what_is_missing_is_said() {
    let (table, tokens, with_key) = published(true);
    let two = openapi2(&table, &tokens, &with_key).expect("complete");
    let three = openapi3(&table, &tokens, &with_key).expect("complete");
    let metric = "requests-at-120-a-minute";
    for document in [&two, &three] {
        let operation = &document["paths"]["/v1/checkout"]["post"];
        assert_eq!(operation["x-google-quota"]["metricCosts"][metric], 1);
        assert_eq!(
            operation["security"][0],
            json!({"issuer1": [], "apiKey": []})
        );
    }
    let limits = &three["x-google-api-management"]["quota"]["limits"];
    assert_eq!(
        limits[format!("{metric}-limit")],
        json!({"metric": metric, "values": 120})
    );
    let limits = two["x-google-management"]["quota"]["limits"]
        .as_array()
        .expect("limits");
    assert!(
        limits
            .iter()
            .any(|it| it["metric"] == metric && it["values"]["STANDARD"] == 120)
    );

    let (table, tokens, mut missing) = published(false);
    missing.upstreams.remove("oms");
    let error = Err(SpecError::Upstream("oms".into()));
    assert_eq!(openapi3(&table, &tokens, &missing), error);
    let nobody = TokenPolicy::new(Vec::new()).expect("believes nobody");
    assert_eq!(openapi2(&table, &nobody, &missing), Err(SpecError::Issuer));
}
