//! The fraud engine: `POST /metrics` scores, `GET /metrics` tells what was scored.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step};
use boutique_core::fraud::{
    Assess, Band, Decision, EvaluationLog, Question, Reason, RiskAssessment, Signals, Telemetry,
    assess_telemetry,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::answer;
use super::body::{JsonBody, QueryOf};
use super::edge::repeat::Pure;
use super::exchange::{BoxExchange, Exchange, Target, Upstream};
use super::page::Page;
use super::problem::{Problem, ProblemSchema};

/// What the fraud engine's paths stand on.
#[derive(Clone)]
pub struct FraudApi<F> {
    /// Scores an order.
    pub assess: F,
    /// Remembers what was scored.
    pub log: Arc<Mutex<EvaluationLog>>,
    /// Dates what is scored.
    pub clock: Arc<dyn Clock>,
}

/// The fraud engine's paths.
pub fn routes<F>() -> OpenApiRouter<FraudApi<F>>
where
    F: Ask<Assess, Response = RiskAssessment, Error = Fault> + Clone,
{
    OpenApiRouter::new().routes(routes!(score, scored))
}

/// A transaction to be scored.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Transaction {
    /// What kind of transaction it is.
    #[serde(rename = "transactionType")]
    transaction_type: String,
    /// How long it took, in milliseconds.
    #[serde(rename = "durationMs")]
    #[schema(minimum = 0)]
    duration_ms: f64,
    /// Whether it succeeded.
    success: bool,
    /// What is known of an order; makes the score one of the rules instead of the figures above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    signals: Option<Signals>,
    /// When the velocity windows end, in microseconds since 1970; the present if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    at: Option<Timestamp>,
    /// Look at the velocity windows without counting the order in them.
    #[serde(rename = "dryRun", default, skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

/// A scored transaction.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Scored {
    #[serde(rename = "transactionType")]
    transaction_type: String,
    #[serde(rename = "durationMs")]
    duration_ms: f64,
    success: bool,
    /// `LOW`, `MEDIUM` or `HIGH`.
    #[serde(rename = "riskScore")]
    #[schema(value_type = String)]
    risk_score: Band,
    /// RFC 3339.
    timestamp: String,
    /// 0 to 1000.
    score: u16,
    /// `allow`, `review` or `deny`.
    #[schema(value_type = String)]
    decision: Decision,
    /// The rules that applied, heaviest first.
    #[schema(value_type = Vec<Object>)]
    reasons: Vec<Reason>,
}

impl Scored {
    fn new(telemetry: &Telemetry, risk: RiskAssessment, at: Timestamp) -> Self {
        Self {
            transaction_type: telemetry.transaction_type().to_owned(),
            duration_ms: telemetry.duration_ms(),
            success: telemetry.success(),
            risk_score: risk.band,
            timestamp: at.to_string(),
            score: risk.score,
            decision: risk.decision,
            reasons: risk.reasons,
        }
    }
}

/// Score a transaction.
#[utoipa::path(
    post,
    path = "/metrics",
    request_body = Transaction,
    responses(
        (status = 201, body = Scored),
        (status = 400, description = "Invalid payload, by the name of the field", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "The velocity windows cannot be read", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn score<F>(
    State(api): State<FraudApi<F>>,
    body: Result<JsonBody<Transaction>, Problem>,
) -> Result<Response, Problem>
where
    F: Ask<Assess, Response = RiskAssessment, Error = Fault> + Clone,
{
    let JsonBody(asked) = body.map_err(|it| it.prefixed("Invalid payload: "))?;
    let telemetry = Telemetry::new(asked.transaction_type, asked.duration_ms, asked.success)
        .map_err(|why| Problem::invalid(why.field(), why.rule()).prefixed("Invalid payload: "))?;
    let now = api.clock.now();
    let dry_run = asked.dry_run;
    let question = asked.signals.as_ref().map(|it| Question {
        order_id: it.order_id.clone(),
        dry_run,
    });
    let risk = match asked.signals {
        None => assess_telemetry(&telemetry),
        Some(signals) => {
            let at = asked.at.unwrap_or(now);
            let assess = Assess {
                signals,
                at,
                dry_run,
            };
            api.assess.ask(assess).await?
        }
    };
    let mut log = api.log.lock().unwrap_or_else(PoisonError::into_inner);
    log.note(question, telemetry.clone(), risk.clone(), now);
    drop(log);
    Ok(answer(
        StatusCode::CREATED,
        &Scored::new(&telemetry, risk, now),
    ))
}

/// What was scored, summed up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total_transactions_evaluated: u64,
    high_risk_count: u64,
    medium_risk_count: u64,
    low_risk_count: u64,
    /// In milliseconds.
    average_duration_ms: f64,
}

/// What was scored since the server started, a question that was repeated once.
#[derive(Serialize, ToSchema)]
struct AllScored {
    summary: Summary,
    /// The newest, newest first.
    data: Vec<Scored>,
}

/// Tell what was scored since the server started.
#[utoipa::path(
    get,
    path = "/metrics",
    params(Page),
    responses((status = 200, body = AllScored), (status = 400, body = ProblemSchema, content_type = "application/problem+json")),
)]
async fn scored<F>(
    State(api): State<FraudApi<F>>,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem>
where
    F: Ask<Assess, Response = RiskAssessment, Error = Fault> + Clone,
{
    let limit = page.limit()?;
    let log = api.log.lock().unwrap_or_else(PoisonError::into_inner);
    let sums = log.summary();
    let newest = log.newest(limit);
    let all = AllScored {
        summary: Summary {
            total_transactions_evaluated: sums.total,
            high_risk_count: sums.high,
            medium_risk_count: sums.medium,
            low_risk_count: sums.low,
            average_duration_ms: sums.average_duration_ms,
        },
        data: newest
            .map(|it| Scored::new(&it.telemetry, it.risk.clone(), it.at))
            .collect(),
    };
    drop(log);
    Ok(answer(StatusCode::OK, &all))
}

/// The fraud engine behind a wire: the same service as
/// [`AssessRisk`](boutique_core::fraud::AssessRisk).
#[derive(Clone, Debug)]
pub struct FraudClient<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

impl<S: Exchange> Step<Assess> for FraudClient<S> {
    type Response = RiskAssessment;
    type Error = Fault;

    async fn run(&self, request: Assess) -> Result<RiskAssessment, Fault> {
        let Assess {
            signals,
            at,
            dry_run,
        } = request;
        let transaction = Transaction {
            transaction_type: "checkout".to_owned(),
            duration_ms: 0.0,
            success: true,
            signals: Some(signals),
            at: Some(at),
            dry_run,
        };
        let target = Target::path(["metrics"]);
        let upstream = &self.upstream;
        let mut asked = upstream.json_request(Method::POST, &target, &transaction)?;
        if dry_run {
            // Nothing is counted, so a late answer may be asked for twice.
            asked.extensions_mut().insert(Pure);
        }
        let reply = upstream.send(asked).await?;
        let scored: Scored = reply.json()?;
        Ok(RiskAssessment {
            score: scored.score,
            band: scored.risk_score,
            decision: scored.decision,
            reasons: scored.reasons,
        })
    }
}
