//! Any body, with any headers, as a push: what is read of it travels on as an envelope of ours
//! and is read the same; what is refused is named and not repeated.
#![no_main]

use axum::body::Body;
use axum::extract::Request;
use boutique_fuzz::{NOW, assert_names_a_field, head_and_body, run};
use boutique_transport::http::envelope::{Envelope, EnvelopeOut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (head, body) = head_and_body(input);
    let mut request = Request::new(Body::from(body.to_vec()));
    for (name, value) in head {
        request.headers_mut().append(name, value);
    }
    let envelope = match run(Envelope::receive(request)) {
        Ok(envelope) => envelope,
        Err(problem) => return assert_names_a_field(&problem),
    };
    assert!(envelope.attempt >= 1, "deliveries are counted from one");
    let push = envelope.clone().into_push(NOW);
    let text = serde_json::to_vec(&EnvelopeOut::new(&push)).expect("an envelope can be written");
    let again = match Envelope::parse(&text) {
        Ok(again) => again,
        Err(problem) => panic!("our own envelope is refused: {}", problem.detail()),
    };
    let published_at = Some(envelope.published_at.unwrap_or(NOW));
    let expected = Envelope {
        published_at,
        ..envelope
    };
    assert_eq!(again, expected);
});
