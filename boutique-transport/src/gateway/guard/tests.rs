//! What becomes of an upstream that fails, and of the requests to it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::Method;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::*;
use crate::http::edge::{CircuitSettings, EdgeSettings, Phase};
use crate::http::gate::GateSize;

/// What an upstream does with one request.
#[derive(Clone, Copy)]
enum Does {
    /// Refuses the connection.
    Refuses,
    /// Reads what there is, and breaks off.
    BreaksOff,
    /// Reads what there is, and answers.
    Answers(u16),
    /// Says nothing.
    Hangs,
}
use Does::{Answers, BreaksOff, Hangs, Refuses};

/// An upstream that goes by a script, and tells what it got to read.
struct Script {
    does: RefCell<VecDeque<Does>>,
    read: RefCell<Vec<Bytes>>,
}

impl Script {
    fn new(does: &[Does]) -> Self {
        Self {
            does: RefCell::new(does.iter().copied().collect()),
            read: RefCell::default(),
        }
    }

    async fn carry(&self, request: Request<Body>) -> Result<Response<Body>, Fault> {
        let does = self.does.borrow_mut().pop_front().expect("no more asking");
        if matches!(does, Refuses) {
            return Err(Fault::unavailable("refused"));
        }
        assert!(request.headers().contains_key(DEADLINE));
        let body = request.into_body().collect().await;
        let body = body.map_err(|_| Fault::ambiguous("broken"))?;
        self.read.borrow_mut().push(body.to_bytes());
        match does {
            Answers(status) => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = status.try_into().expect("a status");
                Ok(answer)
            }
            Hangs => std::future::pending().await,
            Refuses | BreaksOff => Err(Fault::ambiguous("broken off")),
        }
    }
}

fn stack(retries: u32) -> Stack {
    let settings = EdgeSettings {
        retry: RetrySettings {
            most: retries,
            share: 1.0,
            reserve: 100,
            ..RetrySettings::default()
        },
        circuit: CircuitSettings {
            window: 4,
            least: 4,
            probes: 1,
            ..CircuitSettings::default()
        },
        limit: GateSize {
            concurrency: 1,
            queue: 0,
            reserved: 0,
        },
        ..EdgeSettings::default()
    };
    Stack::new("upstream", settings)
}

fn onward(method: Method, body: Option<Body>) -> Onward {
    let request = Request::builder().method(method).uri("/catalog").body(());
    let until = Instant::now() + Duration::from_secs(10);
    let fate = Fate::default();
    Onward {
        parts: request.expect("a request").into_parts().0,
        body: body.map(|it| Through::request(it, 100, until, fate.clone())),
        until,
        fate,
    }
}

/// What came of it: a status, or `late`, or the kind of the fault.
async fn asked(guard: &Guard, script: &Script, onward: Onward) -> String {
    match guard.send(onward, |it| script.carry(it)).await {
        Ok(passed) => passed.answer.status().as_u16().to_string(),
        Err(Lost::Late) => "late".to_owned(),
        Err(Lost::Fault(fault)) => format!("{:?}", fault.kind()),
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_does_no_harm_is_sent_again() {
    let text = || Some(Body::from("order"));
    for (method, body, does, became, read) in [
        // Never sent: whatever it is, with its body whole.
        (Method::GET, None, &[Refuses, Answers(200)][..], "200", 1),
        (
            Method::POST,
            text(),
            &[Refuses, Refuses, Answers(201)],
            "201",
            1,
        ),
        (
            Method::POST,
            text(),
            &[Refuses, Refuses, Refuses],
            "Unavailable",
            0,
        ),
        // Perhaps carried out: only without a body, and if twice is once.
        (Method::GET, None, &[BreaksOff, Answers(200)], "200", 2),
        (Method::DELETE, None, &[BreaksOff, Answers(200)], "200", 2),
        (Method::POST, None, &[BreaksOff], "Ambiguous", 1),
        (Method::POST, text(), &[BreaksOff], "Ambiguous", 1),
        (Method::PUT, text(), &[BreaksOff], "Ambiguous", 1),
        // A later refusal does not undo it.
        (
            Method::GET,
            None,
            &[BreaksOff, Refuses, Refuses],
            "Ambiguous",
            1,
        ),
        // An answer is an answer.
        (Method::GET, None, &[Answers(503)], "503", 1),
    ] {
        let (guard, script) = (Guard::new(&stack(2)), Script::new(does));
        let has_body = body.is_some();
        let what = format!("{method} {has_body} {}", does.len());
        assert_eq!(
            asked(&guard, &script, onward(method, body)).await,
            became,
            "{what}"
        );
        assert!(script.does.borrow().is_empty(), "{what}");
        let all = script.read.borrow();
        assert_eq!(all.len(), read, "{what}");
        let whole: &[u8] = if has_body { b"order" } else { b"" };
        assert!(all.iter().all(|it| it == whole), "{what}: {all:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_away_or_silent_is_given_a_rest() {
    for does in [Refuses, BreaksOff, Hangs] {
        let stack = stack(0);
        let (guard, failing) = (Guard::new(&stack), Script::new(&[does; 4]));
        for _ in 0..4 {
            asked(&guard, &failing, onward(Method::GET, None)).await;
        }
        assert_eq!(stack.state().read().circuit.phase, Phase::Open);
        let script = Script::new(&[Answers(200)]);
        let rested = asked(&guard, &script, onward(Method::GET, None)).await;
        assert_eq!((&*rested, script.does.borrow().len()), ("Unavailable", 1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(
            asked(&guard, &script, onward(Method::GET, None)).await,
            "200"
        );
        assert_eq!(stack.state().read().circuit.phase, Phase::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_a_client_does_keeps_others_from_an_upstream() {
    let stack = stack(0);
    let guard = Guard::new(&stack);
    let phase = || stack.state().read().circuit.phase;
    // It is answered, with whatever.
    let answers = Script::new(&[Answers(503); 8]);
    for _ in 0..8 {
        asked(&guard, &answers, onward(Method::GET, None)).await;
    }
    assert_eq!(phase(), Phase::Closed);
    let slow = || {
        let stream = futures_util::stream::pending::<Result<Bytes, Infallible>>();
        Some(Body::from_stream(stream))
    };
    let script = Script::new(&[Hangs; 16]);
    for _ in 0..8 {
        // It never sends the body it has promised.
        let became = asked(&guard, &script, onward(Method::POST, slow())).await;
        assert!(["late", "Ambiguous"].contains(&&*became), "{became}");
    }
    assert_eq!(phase(), Phase::Closed);
    for _ in 0..8 {
        // It leaves after a while.
        let asking = asked(&guard, &script, onward(Method::GET, None));
        let left = tokio::time::timeout(Duration::from_secs(5), asking).await;
        assert!(left.is_err());
    }
    assert_eq!(phase(), Phase::Closed);
    // It sends more than it may.
    let script = Script::new(&[Answers(200); 8]);
    for _ in 0..8 {
        let much = Some(Body::from(vec![0; 101]));
        assert_eq!(
            asked(&guard, &script, onward(Method::POST, much)).await,
            "Ambiguous"
        );
    }
    assert_eq!(phase(), Phase::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_answer_keeps_its_place_until_its_body_has_ended() {
    let stack = stack(2);
    let (guard, script) = (
        Guard::new(&stack),
        Script::new(&[Answers(200), Answers(200)]),
    );
    let first = guard.send(onward(Method::GET, None), |it| script.carry(it));
    let Ok(Passed { answer, place }) = first.await else {
        panic!("it is answered")
    };
    let until = Instant::now() + Duration::from_secs(1);
    let streaming = Body::new(Through::answer(answer.into_body(), until, place));
    let shed = asked(&guard, &script, onward(Method::GET, None)).await;
    assert_eq!(shed, "Unavailable", "one at a time, and nobody waits");
    assert_eq!(stack.state().read().shed, 1, "nor is it tried again");
    drop(streaming);
    assert_eq!(
        asked(&guard, &script, onward(Method::GET, None)).await,
        "200"
    );
}
