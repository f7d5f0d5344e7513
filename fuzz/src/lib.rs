//! What the targets have in common.
//!
//! A target reads text where the product reads text, so that what is found can be read and a
//! corpus written by hand. Text that stands for personal data is [`CANARY`]: wherever an input
//! has it, no error may.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use axum::http::{HeaderName, HeaderValue};
use boutique_core::clock::{Clock, Timestamp};
use boutique_transport::http::Problem;
use tokio::runtime::{Builder, Runtime};

/// What nobody may repeat in an error.
pub const CANARY: &str = "q7Zk";

/// The present: 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A clock that stands still at [`NOW`].
#[derive(Debug)]
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// The clock of everything here.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(Still)
}

/// Runs a future to its end, on a runtime that the whole process shares.
pub fn run<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut runtime = Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime")
    });
    runtime.block_on(future)
}

/// The headers and the body of an input: lines `name: value` up to an empty one, then the rest.
/// All of it is the body if there is no empty line.
pub fn head_and_body(input: &[u8]) -> (Vec<(HeaderName, HeaderValue)>, &[u8]) {
    let Some(end) = input.windows(2).position(|it| it == b"\n\n") else {
        return (Vec::new(), input);
    };
    let header = |line: &[u8]| {
        let colon = line.iter().position(|it| *it == b':')?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        Some((
            HeaderName::from_bytes(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        ))
    };
    let lines = input[..end].split(|it| *it == b'\n');
    (lines.filter_map(header).collect(), &input[end + 2..])
}

/// Asserts that an error says something, in one line, and repeats nobody's data.
#[track_caller]
pub fn assert_silent(error: &impl Display) {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "an error that says nothing");
    assert!(text.len() <= 1_000, "an error of {} bytes", text.len());
    assert!(!text.contains('\n'), "an error of several lines");
    assert!(!text.contains(CANARY), "an error that repeats its input");
}

/// Asserts that a refusal names the field, or says that it is no JSON and where.
#[track_caller]
pub fn assert_names_a_field(problem: &Problem) {
    let detail = problem.detail();
    assert_silent(&detail);
    if detail.starts_with("the body ") {
        return;
    }
    let field = detail.split_once(": ").map_or("", |(field, _)| field);
    let is_name = |it: char| it.is_ascii_alphanumeric() || "_.-[]?".contains(it);
    let fits = !field.is_empty() && field.chars().all(is_name);
    assert!(fits, "a refusal that names no field: {detail}");
}
