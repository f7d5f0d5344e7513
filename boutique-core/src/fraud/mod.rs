//! Fraud: signals in, a score with its reasons out. The same signals and the same features
//! give the same bytes.

mod assess;
mod log;
mod memory;
mod rules;
mod score;
mod standard;
mod telemetry;
mod velocity;
mod window;

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use assess::AssessRisk;
pub use log::{EVALUATIONS_KEPT, Evaluation, EvaluationLog, EvaluationSummary, Question};
pub use memory::MemorySignals;
pub use rules::{Condition, InvalidRules, Measure, Rule, RuleSet, Subject, Window};
pub use score::Thresholds;
pub use telemetry::{InvalidTelemetry, Telemetry, assess_telemetry};
pub use velocity::VelocityBook;

use crate::clock::Timestamp;
use crate::customer::Tier;
use crate::fault::Fault;
use crate::ids::{OrderId, Pseudonym};
use crate::money::Money;
use crate::schema::text_cells;

/// What is known of an order before it is sold. Nothing personal: e-mail, user and address are
/// pseudonyms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// The order; a repeat of the same order counts once.
    pub order_id: OrderId,
    /// Who buys.
    pub user: Pseudonym,
    /// Their e-mail.
    pub email: Pseudonym,
    /// Where it goes.
    pub address: Pseudonym,
    /// Country it goes to, as given.
    pub country: String,
    /// What it comes to.
    pub amount: Money,
    /// Lines in it.
    pub lines: u32,
    /// Units in it.
    pub units: u64,
    /// Whether the CRM knows the buyer.
    pub known_customer: bool,
    /// The buyer's loyalty.
    pub tier: Tier,
    /// Age of the customer record.
    pub customer_age: Option<Duration>,
    /// Orders the customer has had.
    pub prior_orders: u64,
}

/// Asks for the risk of an order. `at` is when it is asked; windows end there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assess {
    /// The order.
    pub signals: Signals,
    /// When.
    pub at: Timestamp,
    /// Look at the windows without counting the order in them.
    pub dry_run: bool,
}

/// How risky, in three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Band {
    /// Below 300.
    Low,
    /// 300 to 699.
    Medium,
    /// 700 and above.
    High,
}

/// What to do with the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Sell.
    Allow,
    /// Let a person decide.
    Review,
    /// Do not sell.
    Deny,
}

/// A rule that applied, and what it added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// What it added to the score.
    pub points: i32,
    /// What it saw, without personal data.
    pub detail: String,
}

text_cells!(Band);

/// How risky an order was found, without the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// 0 to 1000.
    pub score: u16,
    /// The score in words.
    pub band: Band,
}

/// The answer: how risky, what to do, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskAssessment {
    /// 0 to 1000.
    pub score: u16,
    /// The score in words.
    pub band: Band,
    /// What to do.
    pub decision: Decision,
    /// The rules that applied, heaviest first.
    pub reasons: Vec<Reason>,
}

/// An order as the velocity windows count it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Counted once.
    pub order_id: OrderId,
    /// Who.
    pub user: Pseudonym,
    /// With which e-mail.
    pub email: Pseudonym,
    /// Sent where.
    pub address: Pseudonym,
    /// For how much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// What one window saw of one subject, the observed order included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Velocity {
    /// Orders.
    pub count: u64,
    /// Their amounts in whole units, rounded down, summed over currencies as they are.
    pub sum_units: u64,
    /// Different users.
    pub distinct_users: u64,
    /// Different e-mails.
    pub distinct_emails: u64,
    /// Different addresses.
    pub distinct_addresses: u64,
}

/// What the windows saw, per subject, in the windows of [`WINDOWS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Of the same user: short window, long window.
    pub user: [Velocity; 2],
    /// Of the same e-mail.
    pub email: [Velocity; 2],
    /// Of the same address.
    pub address: [Velocity; 2],
}

/// The velocity windows: ten minutes and a day. A window includes its end and excludes its start.
pub const WINDOWS: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(86_400)];

/// The most orders of one subject a window looks at; counts stop there.
pub const WINDOW_ROWS_MAX: usize = 256;

/// Keeps what the velocity windows count.
#[async_trait]
pub trait SignalStore: Send + Sync + 'static {
    /// Counts the order, once, and answers what the windows ending at `observation.at` saw of
    /// its user, e-mail and address. An order that was observed before is not counted again and
    /// its first observation is used, its moment included.
    ///
    /// Of a subject the newest [`WINDOW_ROWS_MAX`] orders are looked at, by moment and then
    /// order id, whatever the windows' end is. [`Velocity::of`] counts them.
    ///
    /// # Errors
    ///
    /// A [`Fault`]; whether the order was counted follows from its kind.
    async fn observe(&self, observation: Observation) -> Result<Features, Fault>;

    /// What [`SignalStore::observe`] would answer; nothing is counted.
    async fn peek(&self, observation: Observation) -> Result<Features, Fault>;

    /// Forgets orders observed before `before`; says how many.
    async fn forget(&self, before: Timestamp) -> Result<u64, Fault>;
}
