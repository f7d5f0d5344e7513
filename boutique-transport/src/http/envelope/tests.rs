use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use boutique_core::broker::SOURCE_SUBSCRIPTION;
use boutique_testkit::generate;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::read::{UNNAMED, fnv1a};
use super::*;

const NOW: Timestamp = Timestamp::from_millis(5_000);

fn take(body: &[u8]) -> Result<Push, Problem> {
    Envelope::parse(body).map(|it| it.into_push(NOW))
}

fn push(
    (subscription, attempt): (&str, u32),
    (message_id, published_at): (u64, Timestamp),
    (data, attributes): (&str, &[(&str, &str)]),
    ordering_key: Option<&str>,
) -> Push {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Push {
        subscription: subscription.into(),
        delivery: Delivery {
            ack_id: AckId {
                message_id,
                attempt,
            },
            message_id,
            published_at,
            attempt,
            message: Arc::new(Message {
                data: data.into(),
                attributes: Arc::new(attributes.iter().map(owned).collect()),
                ordering_key: ordering_key.map(Into::into),
            }),
        },
    }
}

#[test]
fn every_variant_of_the_envelope_is_read() {
    // 2026-11-22T20:08:04.750Z
    let at = Timestamp::from_millis(1_795_378_084_750);
    let from_fnv = |text: &str| fnv1a(text.as_bytes());
    let table = [
        // As the emulator sends it, escaped slashes and both spellings of every name.
        (
            r#"{"subscription":"projects\/p\/subscriptions\/s","message":{"publishTime":"2026-11-22T20:08:04.750Z","data":"eyJoZWxsbyI6IndvcmxkIn0=","publish_time":"2026-11-22T20:08:04.750Z","messageId":"203","attributes":{"ce-type":"x","k":"v"},"message_id":"203"}}"#,
            push(
                ("projects/p/subscriptions/s", 1),
                (203, at),
                (r#"{"hello":"world"}"#, &[("ce-type", "x"), ("k", "v")]),
                None,
            ),
        ),
        // As the real service does.
        (
            r#"{"deliveryAttempt":5,"message":{"attributes":{"key":"value"},"data":"SGVsbG8=","messageId":"2070443601311540","message_id":"2070443601311540","orderingKey":"key","publishTime":"2021-02-26T19:13:55.749Z","publish_time":"2021-02-26T19:13:55.749Z"},"subscription":"s"}"#,
            push(
                ("s", 5),
                (
                    2_070_443_601_311_540,
                    Timestamp::from_millis(1_614_366_835_749),
                ),
                ("Hello", &[("key", "value")]),
                Some("key"),
            ),
        ),
        // As an Eventarc test sends it.
        (
            r#"{"subscription":"s","message":{"@type":"type.googleapis.com/google.pubsub.v1.PubsubMessage","data":"SGVsbG8=","attributes":null,"messageId":"7"}}"#,
            push(("s", 1), (7, NOW), ("Hello", &[]), None),
        ),
        // The older spelling alone.
        (
            r#"{"message":{"data":"SGVsbG8=","message_id":"7","publish_time":"2026-11-22T20:08:04.75Z","ordering_key":"k"}}"#,
            push((UNNAMED, 1), (7, at), ("Hello", &[]), Some("k")),
        ),
        // As people write it by hand: no attributes, no id, no padding.
        (
            r#"{"message":{"data":"SGVsbG8"}}"#,
            push((UNNAMED, 1), (from_fnv("Hello"), NOW), ("Hello", &[]), None),
        ),
        // Ids are opaque.
        (
            r#"{"message":{"data":"","messageId":"m-1"}}"#,
            push((UNNAMED, 1), (from_fnv("m-1"), NOW), ("", &[]), None),
        ),
        // Attributes alone are a message.
        (
            r#"{"message":{"attributes":{"a":"b"},"messageId":"7"}}"#,
            push((UNNAMED, 1), (7, NOW), ("", &[("a", "b")]), None),
        ),
        // A structured CloudEvent of a topic, and two of an order.
        (
            r#"{"specversion":"1.0","id":"9","source":"//pubsub","type":"google.cloud.pubsub.topic.v1.messagePublished","data":{"subscription":"s","message":{"data":"SGVsbG8=","messageId":"7"}}}"#,
            push(("s", 1), (7, NOW), ("Hello", &[]), None),
        ),
        (
            r#"{"specversion":"1.0","id":"o.confirmed","source":"//shop","type":"boutique.order.confirmed.v1","subject":"o","time":"2026-11-22T20:08:04.750Z","holds":"[]","data":{"order_id":"o"}}"#,
            push(
                (UNNAMED, 1),
                (from_fnv(r#"{"order_id":"o"}"#), at),
                (
                    r#"{"order_id":"o"}"#,
                    &[
                        ("ce-id", "o.confirmed"),
                        ("ce-source", "//shop"),
                        ("ce-specversion", "1.0"),
                        ("ce-subject", "o"),
                        ("ce-time", "2026-11-22T20:08:04.75Z"),
                        ("ce-type", "boutique.order.confirmed.v1"),
                        ("holds", "[]"),
                    ],
                ),
                None,
            ),
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"e30="}"#,
            push(
                (UNNAMED, 1),
                (from_fnv("{}"), NOW),
                (
                    "{}",
                    &[
                        ("ce-id", "1"),
                        ("ce-source", "s"),
                        ("ce-specversion", "1.0"),
                        ("ce-type", "t"),
                    ],
                ),
                None,
            ),
        ),
    ];
    for (body, expected) in table {
        let read = take(body.as_bytes());
        assert_eq!(read.expect(body), expected, "{body}");
    }
}

#[tokio::test]
async fn a_binary_event_is_its_headers_and_its_body() {
    let headers = |pairs: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.insert(name, value.parse().expect("a value"));
        }
        headers
    };
    let order = [
        ("ce-id", "o.confirmed"),
        ("ce-source", "//shop"),
        ("ce-specversion", "1.0"),
        ("ce-subject", "o%20%C3%A9"),
        ("ce-type", "boutique.order.confirmed.v1"),
        ("content-type", "application/json"),
        ("holds", "[]"),
        ("x-goog-pubsub-message-id", "7"),
        ("x-goog-pubsub-publish-time", "1970-01-01T00:00:01Z"),
        ("x-goog-pubsub-subscription-name", "s"),
        (SOURCE_SUBSCRIPTION, "orders.oms"),
    ];
    let told = [
        (SOURCE_SUBSCRIPTION, "orders.oms"),
        ("ce-id", "o.confirmed"),
        ("ce-source", "//shop"),
        ("ce-specversion", "1.0"),
        ("ce-subject", "o é"),
        ("ce-type", "boutique.order.confirmed.v1"),
        ("holds", "[]"),
    ];
    let read = async |pairs: &[(&'static str, &str)], body: &str| {
        let mut request = Request::new(body.to_owned().into());
        *request.headers_mut() = headers(pairs);
        let envelope = Envelope::receive(request).await;
        envelope.map(|it| it.into_push(NOW))
    };
    let expected = push(
        ("s", 1),
        (7, Timestamp::from_millis(1_000)),
        ("{}", &told),
        None,
    );
    assert_eq!(read(&order, "{}").await.expect("an event"), expected);
    // To the broker an empty key is none, here as in an envelope.
    let unordered = [&order[..], &[("x-goog-pubsub-ordering-key", "")]].concat();
    assert_eq!(read(&unordered, "{}").await.expect("an event"), expected);
    // What cannot be read is an event all the same, to be parked.
    let broken = read(&order, "{").await.expect("an event");
    assert_eq!(&*broken.delivery.message.data, "{");

    let missing = read(&order[1..], "{}").await.expect_err("no id");
    assert_eq!(missing.detail(), "ce-id: is missing");

    // Under the headers of a trigger on a topic is the envelope, whatever they say.
    let envelope = r#"{"message":{"data":"SGVsbG8=","messageId":"7"},"subscription":"s"}"#;
    let expected = push(("s", 1), (7, NOW), ("Hello", &[]), None);
    let topic = "google.cloud.pubsub.topic.v1.messagePublished";
    for kind in [topic, "something.else"] {
        let read = read(&[("ce-id", "9"), ("ce-type", kind)], envelope).await;
        assert_eq!(read.expect("an envelope"), expected, "{kind}");
    }
    let nothing = read(&[("ce-id", "9"), ("ce-type", topic)], "{}").await;
    assert!(nothing.is_err());
}

#[test]
fn what_is_no_envelope_is_refused_by_the_name_of_the_field() {
    for (body, text) in [
        ("", "the body is not JSON, at line 1, column 0"),
        ("{", "the body is not JSON, at line 1, column 1"),
        ("[]", "body: must be an envelope"),
        ("null", "body: must be an envelope"),
        (r#""jane""#, "body: must be an envelope"),
        ("{}", "message: is missing"),
        (r#"{"order_id":"o"}"#, "message: is missing"),
        (r#"{"message":null}"#, "message: is missing"),
        (r#"{"message":"jane"}"#, "message: must be a message"),
        (r#"{"message":{}}"#, "message.data: is missing"),
        (
            r#"{"message":{"attributes":{}}}"#,
            "message.data: is missing",
        ),
        (
            r#"{"message":{"data":7}}"#,
            "message.data: must be a string",
        ),
        (
            r#"{"message":{"data":"jane!"}}"#,
            "message.data: must be base64",
        ),
        (
            r#"{"message":{"data":"SGVsbG8=","attributes":{"jane":1}}}"#,
            "message.attributes: must be texts by name",
        ),
        (
            r#"{"message":{"data":"SGVsbG8=","publishTime":"jane"}}"#,
            "message.publishTime: must be a date and time with an offset, such as 2010-12-01T14:26:00Z",
        ),
        (
            r#"{"message":{"data":"SGVsbG8=","messageId":7}}"#,
            "message.messageId: must be a string",
        ),
        (
            r#"{"message":{"data":"SGVsbG8="},"deliveryAttempt":-1}"#,
            "deliveryAttempt: must be u32",
        ),
        (r#"{"specversion":"1.0"}"#, "id: is missing"),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t"}"#,
            "data: is missing",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"message":{}}}"#,
            "message.data: is missing",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"message":7}}"#,
            "data: is no envelope",
        ),
        (
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{},"data_base64":""}"#,
            "data_base64: is there besides data",
        ),
    ] {
        let refused = take(body.as_bytes()).expect_err(body);
        assert_eq!(refused.detail(), text, "{body}");
        assert_eq!(refused.status(), 400);
    }
}

#[test]
fn data_that_is_no_text_is_a_message_that_nobody_can_take_for_an_order() {
    let bytes = b"{\"order_id\":\"\xff\"}";
    let body = json!({"message": {"data": STANDARD.encode(bytes), "messageId": "7"}});
    let push = take(body.to_string().as_bytes()).expect("an envelope");
    // All of it is kept, in a form that is no JSON.
    assert_eq!(*push.delivery.message.data, STANDARD.encode(bytes));
}

fn pushes() -> impl Strategy<Value = Push> {
    let numbers = (any::<u64>(), 1..100_u32, generate::timestamp());
    (generate::message(), "[ -~]{1,40}", numbers).prop_map(
        |(message, subscription, (message_id, attempt, published_at))| Push {
            subscription: subscription.as_str().into(),
            delivery: Delivery {
                ack_id: AckId {
                    message_id,
                    attempt,
                },
                message_id,
                published_at,
                attempt,
                message: Arc::new(message),
            },
        },
    )
}

/// JSON made of the names that the parser knows, in places where they may not belong.
fn shaped() -> impl Strategy<Value = Value> {
    let names = [
        "message",
        "data",
        "attributes",
        "messageId",
        "message_id",
        "publishTime",
        "orderingKey",
        "subscription",
        "deliveryAttempt",
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "data_base64",
        "@type",
        "holds",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        select(vec!["SGVsbG8=", "e30=", "1.0", "2026-11-22T20:08:04.750Z"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let object = btree_map(select(names.to_vec()), inner.clone(), 0..6);
        prop_oneof![
            4 => object.prop_map(|it| {
                it.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Value>()
            }),
            1 => vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_same_push(push in pushes()) {
        let body = serde_json::to_vec(&EnvelopeOut::new(&push)).expect("writes");
        prop_assert_eq!(take(&body).expect("reads"), push);
    }

    #[test]
    fn half_an_envelope_is_none(push in pushes(), at in any::<Index>()) {
        let body = serde_json::to_vec(&EnvelopeOut::new(&push)).expect("writes");
        let half = &body[..at.index(body.len())];
        prop_assert_eq!(take(half).expect_err("refused").status(), 400);
    }

    #[test]
    fn an_envelope_with_a_wrong_byte_is_refused_or_another_push(
        push in pushes(), at in any::<Index>(), byte in any::<u8>(),
    ) {
        let mut body = serde_json::to_vec(&EnvelopeOut::new(&push)).expect("writes");
        let at = at.index(body.len());
        body[at] = byte;
        if let Err(refused) = take(&body) {
            prop_assert_eq!(refused.status(), 400);
        }
    }

    #[test]
    fn bytes_never_panic(body in vec(any::<u8>(), 0..200)) {
        prop_assert!(take(&body).is_err());
    }

    #[test]
    fn json_of_the_right_names_is_taken_only_if_it_is_whole(body in shaped()) {
        if take(body.to_string().as_bytes()).is_ok() {
            let whole = |it: &Value| {
                let message = &it["message"];
                message["data"].is_string() || message["attributes"].is_object()
            };
            let event = ["specversion", "id", "source", "type"];
            let event = event.iter().all(|it| body[it].is_string())
                && (body["data_base64"].is_string()
                    || !body["data"].is_object()
                    || body["data"].get("message").is_none_or(|_| whole(&body["data"])));
            prop_assert!(whole(&body) || event, "{}", body);
        }
    }
}
