//! The laws of the layers, on paused time: as ready as what is inside, a refusal reaches nothing
//! further in, a drop frees what was taken.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Method, Request, Response, StatusCode};
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::BoxFuture;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};
use tower::{BoxError, Service, ServiceExt};
use tower_test::mock::{self, Mock, Spawn};

use super::super::call::{Call, DEADLINE, Lane};
use super::super::exchange::{Received, Sent};
use super::*;

/// What an upstream does with one request.
enum Does {
    Answers(u16),
    Fails(FaultKind),
    Hangs,
    /// Answers after so many milliseconds.
    Takes(u64),
}
use Does::{Answers, Fails, Hangs, Takes};

/// An upstream that follows a script, and then answers 200. It notes what every request was told
/// of its time.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<(VecDeque<Does>, Vec<u64>)>>);

impl Script {
    fn new(does: impl IntoIterator<Item = Does>) -> Self {
        Self(Arc::new(Mutex::new((
            does.into_iter().collect(),
            Vec::new(),
        ))))
    }

    /// How many requests have come.
    fn asked(&self) -> usize {
        self.told().len()
    }

    fn told(&self) -> Vec<u64> {
        self.0.lock().expect("not poisoned").1.clone()
    }
}

impl Service<Sent> for Script {
    type Response = Received;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Received, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        let told = request.headers()[&DEADLINE].to_str().expect("digits");
        let mut script = self.0.lock().expect("not poisoned");
        script.1.push(told.parse().expect("digits"));
        let does = script.0.pop_front().unwrap_or(Answers(200));
        Box::pin(async move {
            let status = match does {
                Answers(status) => status,
                Fails(kind) => return Err(Fault::new(kind, "as the script says")),
                Hangs => pending().await,
                Takes(millis) => {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    200
                }
            };
            let answer = Response::builder().status(status).body(Bytes::new());
            Ok(answer.expect("a status"))
        })
    }
}

fn sent(method: Method) -> Sent {
    let request = Request::builder().method(method).uri("http://upstream/x");
    request.body(Bytes::new()).expect("a request")
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Asks as part of a call that has so much time left.
fn ask(
    edge: &Edge<Script>,
    method: Method,
    left: Duration,
    lane: Lane,
) -> JoinHandle<Result<Received, Fault>> {
    let call = Call {
        deadline: Some(Instant::now() + left),
        lane,
        ..Call::background()
    };
    let edge = edge.clone();
    tokio::spawn(call.scope(async move { edge.oneshot(sent(method)).await }))
}

async fn get(edge: &Edge<Script>) -> Result<StatusCode, Fault> {
    let answer = ask(edge, Method::GET, millis(60_000), Lane::Client).await;
    answer.expect("does not panic").map(|it| it.status())
}

/// Lets everything that can go on do so, without letting time pass.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

fn refusal(answer: &Result<StatusCode, Fault>) -> Option<Refusal> {
    answer.as_ref().err().and_then(Refusal::of)
}

fn settings() -> EdgeSettings {
    EdgeSettings {
        circuit: CircuitSettings {
            least: u32::MAX,
            ..CircuitSettings::default()
        },
        ..EdgeSettings::default()
    }
}

type Inner<R> = tower::util::MapErr<Mock<R, Received>, fn(BoxError) -> Fault>;

fn as_ready_as_inside<S, R, Q>(layer: impl Fn(Inner<R>) -> S)
where
    S: Service<Q>,
{
    let fault: fn(BoxError) -> Fault = |_| Fault::permanent("the mock is gone");
    let (mut service, mut handle): (Spawn<S>, mock::Handle<R, Received>) =
        mock::spawn_with(|it: Mock<R, Received>| layer(it.map_err(fault)));
    handle.allow(0);
    assert!(service.poll_ready::<Q>().is_pending());
    handle.allow(1);
    assert!(service.is_woken());
    assert!(service.poll_ready::<Q>().is_ready());
}

#[tokio::test(start_paused = true)]
async fn every_layer_is_as_ready_as_what_is_inside_it() {
    let settings = settings();
    let extra = || Arc::new(Extra::new(&settings.retry));
    let circuit = || Arc::new(Circuit::new(settings.circuit));
    let tail = || Some(Arc::new(Tail::new(HedgeSettings::default())));
    as_ready_as_inside::<_, _, Sent>(|it| Deadline::new(it, settings.deadline));
    as_ready_as_inside::<_, _, Outgoing>(|it| Retry::new(it, settings.retry, extra()));
    as_ready_as_inside::<_, Outgoing, Outgoing>(|it| Breaker::new(it, circuit()));
    as_ready_as_inside::<_, _, Outgoing>(|it| Limit::new(it, Gate::new(settings.limit)));
    as_ready_as_inside::<_, _, Outgoing>(|it| Hedge::new(it, tail(), extra()));
    as_ready_as_inside::<_, _, Outgoing>(Wire::new);
    as_ready_as_inside::<_, _, Sent>(|it| Stack::new("x", settings).over(it));
}

#[tokio::test(start_paused = true)]
async fn a_call_gets_what_is_left_of_its_time_less_what_the_hop_needs() {
    let deadline = DeadlineSettings {
        longest: millis(1_000),
        own: millis(5),
        floor: millis(10),
    };
    let settings = EdgeSettings {
        deadline,
        ..settings()
    };
    for (time, given) in [
        (14, None),
        (15, Some(10)),
        (300, Some(295)),
        (60_000, Some(1_000)),
    ] {
        let upstream = Script::new([Hangs]);
        let edge = Stack::new("x", settings).over(upstream.clone());
        let begun = Instant::now();
        let answer = ask(&edge, Method::GET, millis(time), Lane::Client).await;
        let fault = answer.expect("does not panic").expect_err("nobody answers");
        let late = Refusal::of(&fault) == Some(Refusal::Late);
        match given {
            None => assert!(late && fault.kind() == FaultKind::Unavailable, "{fault:?}"),
            Some(given) => {
                assert_eq!(fault.kind(), FaultKind::Ambiguous);
                assert_eq!(begun.elapsed(), millis(given));
            }
        }
        assert_eq!(upstream.told(), Vec::from_iter(given));
    }
    // Recovery has no deadline; it ends nevertheless.
    let edge = Stack::new("x", settings).over(Script::new([Hangs]));
    let fault = edge.oneshot(sent(Method::GET)).await;
    assert_eq!(fault.expect_err("hangs").kind(), FaultKind::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_again_and_what_comes_of_it() {
    use FaultKind::{Ambiguous, Permanent, Unavailable};
    let (get, post) = (Method::GET, Method::POST);
    for (method, script, requests, outcome) in [
        (&get, vec![Fails(Unavailable)], 2, Ok(200)),
        (&get, vec![Fails(Ambiguous), Fails(Unavailable)], 3, Ok(200)),
        // Not ours, and 503 or 500 nevertheless.
        (&get, vec![Answers(503), Answers(500)], 3, Ok(200)),
        (
            &get,
            vec![Answers(429), Answers(429), Answers(429)],
            3,
            Err(Unavailable),
        ),
        (&get, vec![Fails(Permanent)], 1, Err(Permanent)),
        (&get, vec![Answers(404)], 1, Ok(404)),
        (&post, vec![Fails(Unavailable)], 1, Err(Unavailable)),
        // It may have been carried out the first time, whatever was refused later.
        (
            &get,
            vec![Fails(Ambiguous), Fails(Unavailable), Fails(Unavailable)],
            3,
            Err(Ambiguous),
        ),
    ] {
        let upstream = Script::new(script);
        let edge = Stack::new("x", settings()).over(upstream.clone());
        let answer = ask(&edge, method.clone(), millis(9_000), Lane::Client).await;
        let answer = answer.expect("does not panic");
        let answer = answer
            .map(|it| it.status().as_u16())
            .map_err(|it| it.kind());
        assert_eq!((upstream.asked(), answer), (requests, outcome));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_again_past_the_deadline_and_less_time_is_told_each_time() {
    let retry = RetrySettings {
        base: millis(4_000),
        cap: millis(4_000),
        ..RetrySettings::default()
    };
    let settings = EdgeSettings {
        retry,
        ..settings()
    };
    let (mut again, mut not) = (0, 0);
    for _ in 0..40 {
        let fails = || Fails(FaultKind::Unavailable);
        let upstream = Script::new([fails(), fails(), fails()]);
        let edge = Stack::new("x", settings).over(upstream.clone());
        let begun = Instant::now();
        let answer = ask(&edge, Method::GET, millis(2_000), Lane::Client).await;
        let fault = answer
            .expect("does not panic")
            .expect_err("fails each time");
        // It is the upstream's failure, not that the time had passed.
        assert_eq!(fault.kind(), FaultKind::Unavailable);
        assert!(begun.elapsed() < millis(2_000));
        let told = upstream.told();
        assert!(
            told.is_sorted_by(|before, after| before > after),
            "{told:?}"
        );
        if told.len() > 1 { again += 1 } else { not += 1 }
    }
    assert!(again > 0 && not > 0, "{again} asked again, {not} not");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_is_not_made_worse_than_by_its_budget() {
    let upstream = Script::new((0..5_000).map(|_| Fails(FaultKind::Unavailable)));
    let stack = Stack::new("x", settings());
    let edge = stack.over(upstream.clone());
    for _ in 0..1_000 {
        assert!(get(&edge).await.is_err());
    }
    let (reserve, share) = (10, 100);
    let extra = upstream.asked() - 1_000;
    assert!(
        extra > 0 && extra <= reserve + share,
        "{extra} extra requests"
    );
    let seen = stack.state().read();
    assert_eq!((seen.calls, seen.retries), (1_000, extra as u64));
    assert!(seen.unpaid > 0);
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_is_left_alone_until_it_answers_again() {
    let settings = EdgeSettings {
        retry: RetrySettings {
            most: 0,
            ..RetrySettings::default()
        },
        ..EdgeSettings::default()
    };
    let least = settings.circuit.least as usize;
    let upstream = Script::new((0..=least).map(|_| Answers(503)));
    let stack = Stack::new("x", settings);
    let edge = stack.over(upstream.clone());
    for _ in 0..least {
        let answer = get(&edge).await;
        assert!(answer.is_err() && refusal(&answer).is_none());
    }
    // Whoever shares the stack shares the circuit; nothing reaches the upstream any more.
    let other = stack.over(upstream.clone());
    assert_eq!(refusal(&get(&other).await), Some(Refusal::Open));
    assert_eq!(upstream.asked(), least);
    assert_eq!(stack.state().read().circuit.phase, Phase::Open);

    // The first probe still fails.
    advance(settings.circuit.rest).await;
    assert!(refusal(&get(&edge).await).is_none());
    assert_eq!(refusal(&get(&edge).await), Some(Refusal::Open));
    advance(settings.circuit.rest).await;
    for _ in 0..settings.circuit.probes {
        assert_ne!(stack.state().read().circuit.phase, Phase::Closed);
        assert!(get(&edge).await.is_ok());
    }
    assert_eq!(stack.state().read().circuit.phase, Phase::Closed);
    assert_eq!(stack.state().read().circuit.opened, 2);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_never_answers_is_a_failing_one_a_client_that_leaves_is_not() {
    let least = EdgeSettings::default().circuit.least;
    for (stays, phase) in [(249, Phase::Closed), (250, Phase::Open)] {
        let stack = Stack::new("x", EdgeSettings::default());
        let edge = stack.over(Script::new((0..least).map(|_| Hangs)));
        for _ in 0..least {
            let asked = ask(&edge, Method::GET, millis(60_000), Lane::Client);
            settle().await;
            advance(millis(stays)).await;
            asked.abort();
            settle().await;
        }
        assert_eq!(
            stack.state().read().circuit.phase,
            phase,
            "after {stays} ms"
        );
        assert_eq!(stack.state().read().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_makes_room_for_another() {
    let circuit = CircuitSettings {
        window: 1,
        least: 1,
        probes: 1,
        ..CircuitSettings::default()
    };
    let settings = EdgeSettings {
        retry: RetrySettings {
            most: 0,
            ..RetrySettings::default()
        },
        circuit,
        ..EdgeSettings::default()
    };
    let edge = Stack::new("x", settings).over(Script::new([Answers(500), Hangs]));
    assert!(get(&edge).await.is_err());
    advance(circuit.rest).await;
    let probe = ask(&edge, Method::GET, millis(60_000), Lane::Client);
    settle().await;
    assert_eq!(refusal(&get(&edge).await), Some(Refusal::Open));
    probe.abort();
    settle().await;
    assert_eq!(get(&edge).await.expect("a probe"), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn clients_are_shed_and_the_background_still_has_its_share() {
    let limit = GateSize {
        concurrency: 3,
        queue: 1,
        reserved: 1,
    };
    let settings = EdgeSettings {
        limit,
        ..EdgeSettings::default()
    };
    let upstream = Script::new([Hangs, Hangs]);
    let stack = Stack::new("x", settings);
    let edge = stack.over(upstream.clone());
    let client = || ask(&edge, Method::GET, millis(9_000), Lane::Client);
    let (first, _second) = (client(), client());
    settle().await;
    let third = client();
    settle().await;
    let shed = client()
        .await
        .expect("does not panic")
        .map(|it| it.status());
    assert_eq!(refusal(&shed), Some(Refusal::Full));
    assert_eq!(upstream.asked(), 2);
    let background = ask(&edge, Method::GET, millis(9_000), Lane::Background).await;
    assert!(background.expect("does not panic").is_ok());
    let seen = stack.state().read();
    assert_eq!((seen.in_flight, seen.queued, seen.shed), (2, 1, 1));
    // Being shed is no failure of the upstream, and is not tried again.
    assert_eq!((seen.retries, seen.unpaid), (0, 0));

    first.abort();
    assert!(third.await.expect("does not panic").is_ok());
    let seen = stack.state().read();
    assert_eq!((seen.in_flight, seen.queued), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_late_read_is_asked_for_twice_and_the_first_answer_counts() {
    let hedge = HedgeSettings {
        start: millis(50),
        least: millis(1),
    };
    let settings = EdgeSettings {
        hedge: Some(hedge),
        ..settings()
    };
    let failure = FaultKind::Permanent;
    for (method, script, requests, took, good) in [
        // In time.
        (Method::GET, vec![Takes(40)], 1, 40, true),
        // The second is faster; the first is.
        (Method::GET, vec![Hangs, Takes(10)], 2, 60, true),
        (Method::GET, vec![Takes(70), Hangs], 2, 70, true),
        // One of them fails, which the other does not.
        (Method::GET, vec![Takes(70), Fails(failure)], 2, 70, true),
        (Method::GET, vec![Fails(failure)], 1, 0, false),
        // Not a read.
        (Method::PUT, vec![Takes(90)], 1, 90, true),
    ] {
        let upstream = Script::new(script);
        let stack = Stack::new("x", settings);
        let edge = stack.over(upstream.clone());
        let begun = Instant::now();
        let answer = ask(&edge, method, millis(9_000), Lane::Client).await;
        assert_eq!(answer.expect("does not panic").is_ok(), good);
        assert_eq!(upstream.asked(), requests);
        assert_eq!(begun.elapsed(), millis(took));
        assert_eq!(stack.state().read().hedges, requests as u64 - 1);
        assert_eq!(stack.state().read().in_flight, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn hedges_and_retries_are_paid_from_one_budget() {
    let retry = RetrySettings {
        reserve: 0,
        share: 0.1,
        ..RetrySettings::default()
    };
    let settings = EdgeSettings {
        retry,
        hedge: Some(HedgeSettings::default()),
        ..settings()
    };
    let upstream = Script::new((0..100).map(|_| Takes(400)));
    let stack = Stack::new("x", settings);
    let edge = stack.over(upstream);
    let asked: Vec<_> = (0..40)
        .map(|_| ask(&edge, Method::GET, millis(9_000), Lane::Client))
        .collect();
    for asked in asked {
        assert!(asked.await.expect("does not panic").is_ok());
    }
    let seen = stack.state().read();
    assert_eq!((seen.calls, seen.hedges, seen.unpaid), (40, 4, 36));
}
