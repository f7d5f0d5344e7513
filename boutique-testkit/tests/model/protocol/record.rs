//! A saga record as the model sees it. It is put into a [`Saga`], which is asked for the move.

use std::sync::Arc;

use boutique_core::broker::Message;
use boutique_core::catalog::PricedLine;
use boutique_core::checkout::{
    Begun, Decide, IntendedHold, Intent, OrderBody, Refusal, Saga, SagaState, StoreRejection,
    Verdicts,
};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email, Tier};
use boutique_core::ids::{IdempotencyKey, OrderId, ProductId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::pricing::{TaxMode, Totals};
use boutique_core::shipping::ShippingQuote;
use boutique_core::stock::StockSystem;

/// Where the latest attempt of an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// There is no record.
    None,
    Started,
    Review,
    Approved,
    Confirmed,
    Refused,
    Failed,
}

impl Phase {
    /// Whether recovery has to look at it.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Review | Self::Approved)
    }
}

/// A decision about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Decision {
    Confirm,
    Refuse,
    Fail,
    Park,
    Approve,
}

impl Decision {
    pub(crate) const ALL: [Self; 5] = [
        Self::Confirm,
        Self::Refuse,
        Self::Fail,
        Self::Park,
        Self::Approve,
    ];
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Record {
    pub(crate) phase: Phase,
    /// 0 if there is none.
    pub(crate) attempt: u8,
}

/// What a decision did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Effect {
    Moved,
    Already,
    Superseded,
}

impl Record {
    pub(crate) const NONE: Self = Self {
        phase: Phase::None,
        attempt: 0,
    };

    /// The record that an attempt's begin leaves; `None` if the key is taken.
    pub(crate) fn begun(self, attempt: u8) -> Option<Self> {
        match Saga::begin(self.saga(), intent(attempt)) {
            Ok(saga) => Some(Self::of(&saga)),
            Err(Begun::Taken(_)) => None,
            Err(Begun::New) => unreachable!("a begin that is refused is taken"),
        }
    }

    /// The record that a decision about `attempt` leaves.
    pub(crate) fn decided(self, attempt: u8, decision: Decision) -> (Self, Effect) {
        let Some(mut saga) = self.saga() else {
            return (self, Effect::Superseded);
        };
        let effect = match saga.decide(attempt.into(), &decide(decision), Timestamp::EPOCH) {
            Ok(true) => Effect::Moved,
            Ok(false) => Effect::Already,
            Err(StoreRejection::Superseded(_) | StoreRejection::UnknownOrder(_)) => {
                Effect::Superseded
            }
        };
        (Self::of(&saga), effect)
    }

    fn saga(self) -> Option<Saga> {
        let state = match self.phase {
            Phase::None => return None,
            Phase::Started => SagaState::Started,
            Phase::Review => SagaState::Review {
                verdicts: verdicts(),
                until: Timestamp::MAX,
            },
            Phase::Approved => SagaState::Approved {
                verdicts: verdicts(),
                deadline: Timestamp::MAX,
            },
            Phase::Confirmed => SagaState::Confirmed {
                verdicts: verdicts(),
            },
            Phase::Refused => SagaState::Refused {
                refusal: Refusal::Standing,
            },
            Phase::Failed => SagaState::Failed {
                reason: "down".to_owned(),
            },
        };
        Some(Saga {
            intent: intent(self.attempt),
            state,
            since: Timestamp::EPOCH,
            timeline: Vec::new(),
        })
    }

    fn of(saga: &Saga) -> Self {
        let phase = match saga.state {
            SagaState::Started => Phase::Started,
            SagaState::Review { .. } => Phase::Review,
            SagaState::Approved { .. } => Phase::Approved,
            SagaState::Confirmed { .. } => Phase::Confirmed,
            SagaState::Refused { .. } => Phase::Refused,
            SagaState::Failed { .. } => Phase::Failed,
        };
        let attempt = u8::try_from(saga.intent.attempt).expect("a few attempts");
        Self { phase, attempt }
    }
}

fn decide(decision: Decision) -> Decide {
    match decision {
        Decision::Confirm => Decide::Confirm {
            verdicts: verdicts(),
            event: Box::new(Message {
                data: "sold".into(),
                attributes: Arc::default(),
                ordering_key: None,
            }),
        },
        Decision::Refuse => Decide::Refuse(Refusal::Standing),
        Decision::Fail => Decide::Fail("down".to_owned()),
        Decision::Park => Decide::Park {
            verdicts: verdicts(),
            until: Timestamp::MAX,
        },
        Decision::Approve => Decide::Approve {
            verdicts: verdicts(),
            deadline: Timestamp::MAX,
        },
    }
}

fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("a small amount")
}

fn verdicts() -> Verdicts {
    Verdicts {
        tier: Tier::Standard,
        totals: Totals {
            goods: usd(100),
            discount: usd(0),
            shipping: usd(0),
            tax: usd(0),
            tax_mode: TaxMode::Inclusive,
            total: usd(100),
        },
        checks: Vec::new(),
        risk: None,
    }
}

fn intent(attempt: u8) -> Arc<Intent> {
    let order_id = OrderId::new("order").expect("an id");
    let product_id = ProductId::new("unit").expect("an id");
    Arc::new(Intent {
        tenant: TenantId::new("shop").expect("a tenant"),
        key: IdempotencyKey::new("key").expect("a key"),
        body: OrderBody {
            user_id: UserId::new("ada").expect("an id"),
            currency: Currency::USD,
            email: Email::new("ada@example.com").expect("an e-mail").into(),
            address: Address {
                street_address: "1 Main Street".to_owned(),
                city: "Springfield".to_owned(),
                state: String::new(),
                country: "United States".to_owned(),
                zip_code: "97477".to_owned(),
            }
            .into(),
            lines: None,
            ordered_at: None,
        },
        attempt: attempt.into(),
        lines: Arc::new([PricedLine {
            product_id,
            quantity: Units::ONE,
            unit_price: usd(100),
            weight_grams: 0,
            system: StockSystem::Inventory,
            freight_class: None,
        }]),
        shipping: ShippingQuote {
            parcels: usd(0),
            freight: usd(0),
            cost: usd(0),
            lead_days: 0,
        },
        holds: vec![IntendedHold {
            system: StockSystem::Inventory,
            hold_id: order_id.hold("inventory", attempt.into()),
            lines: 1,
        }],
        order_id,
        cart: None,
        traceparent: None,
        started_at: Timestamp::EPOCH,
        deadline: Timestamp::MAX,
    })
}
