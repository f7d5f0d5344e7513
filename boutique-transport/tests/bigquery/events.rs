//! A day or two of a shop: what it tells the data warehouse, and what follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::broker::Message;
use boutique_core::clock::Timestamp;
use boutique_core::event::{ConfirmedOrder, OrderRefusedEvent};
use boutique_core::warehouse::ShipmentReport;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const ORDERS: usize = 120;
pub(crate) const FOREIGN: usize = 8;
/// Of those the last ones, whose amounts are none.
const ABSURD: usize = 3;
const REFUSALS: usize = 30;

/// 2026-03-01T00:00:00Z.
const FIRST_DAY: i64 = 1_772_323_200_000_000;
const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an event")
}

/// What is published, by table.
pub(crate) struct Events {
    pub(crate) orders: Vec<ConfirmedOrder>,
    pub(crate) refusals: Vec<OrderRefusedEvent>,
    pub(crate) reports: Vec<ShipmentReport>,
    /// Orders of another publisher: one names neither total nor risk, others nonsense.
    pub(crate) foreign: [Message; FOREIGN],
}

impl Events {
    pub(crate) fn new() -> Self {
        let orders: Vec<ConfirmedOrder> = (0..ORDERS).map(order).collect();
        let reports = orders.iter().enumerate().flat_map(reports).collect();
        let foreign = foreign();
        Self {
            refusals: (0..REFUSALS).map(refusal).collect(),
            reports,
            orders,
            foreign,
        }
    }

    /// The messages of a table.
    pub(crate) fn messages(&self, table: &str) -> Vec<Message> {
        match table {
            "orders" => {
                let ours = self.orders.iter().map(ConfirmedOrder::encode);
                ours.chain(self.foreign.clone()).collect()
            }
            "refusals" => self
                .refusals
                .iter()
                .map(OrderRefusedEvent::encode)
                .collect(),
            "shipments" => {
                let reports = self.reports.iter().map(ShipmentReport::encode);
                reports.collect::<Result<_, _>>().expect("JSON")
            }
            other => panic!("{other}: which events are its rows?"),
        }
    }

    /// What each question is answered, in order; numbers are text.
    pub(crate) fn answers(&self) -> BTreeMap<&'static str, Vec<Vec<Value>>> {
        [
            ("revenue", self.revenue()),
            ("refusals_by_reason", self.reasons()),
            ("fraud", self.fraud()),
            ("fulfilment", self.fulfilment()),
        ]
        .into()
    }

    fn revenue(&self) -> Vec<Vec<Value>> {
        let mut all = BTreeMap::<(String, String), (i128, i128)>::new();
        let mut add = |at: Timestamp, currency: String, nanos: i128| {
            let entry = all.entry((day(at), currency)).or_default();
            entry.0 += 1;
            entry.1 += nanos;
        };
        for it in &self.orders {
            let currency = it.order.user_currency.to_string();
            add(it.occurred_at, currency, it.total.nanos());
        }
        // Two at 19.99 and shipping at 8.99, whatever they say of it.
        for it in (ORDERS..ORDERS + FOREIGN - ABSURD).map(order) {
            let currency = it.order.user_currency.to_string();
            add(it.occurred_at, currency, 48_970_000_000);
        }
        let row = |((day, currency), (orders, nanos)): (_, (i128, i128))| {
            let (units, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
            text([
                day,
                currency,
                orders.to_string(),
                units.to_string(),
                nanos.to_string(),
            ])
        };
        all.into_iter().map(row).collect()
    }

    fn reasons(&self) -> Vec<Vec<Value>> {
        let mut all = BTreeMap::<_, usize>::new();
        for it in &self.refusals {
            *all.entry((day(it.refused_at), it.reason.clone()))
                .or_default() += 1;
        }
        let row = |((day, reason), orders): (_, usize)| text([day, reason, orders.to_string()]);
        all.into_iter().map(row).collect()
    }

    fn fraud(&self) -> Vec<Vec<Value>> {
        let mut all = BTreeMap::<String, (usize, usize)>::new();
        let band = |it| {
            serde_json::to_value(it)
                .expect("JSON")
                .as_str()
                .expect("text")
                .to_owned()
        };
        for it in self.orders.iter().filter_map(|it| it.risk) {
            all.entry(band(it.band)).or_default().0 += 1;
        }
        for it in &self.refusals {
            let Some(found) = it.risk_band else { continue };
            let entry = all.entry(band(found)).or_default();
            entry.0 += 1;
            entry.1 += usize::from(["fraud", "review_denied"].contains(&it.reason.as_str()));
        }
        let row = |(band, (assessed, refused)): (String, (usize, usize))| {
            let ppm = refused * 1_000_000 / assessed;
            text([
                band,
                assessed.to_string(),
                refused.to_string(),
                ppm.to_string(),
            ])
        };
        all.into_iter().map(row).collect()
    }

    fn fulfilment(&self) -> Vec<Vec<Value>> {
        let mut left = BTreeMap::new();
        for it in &self.reports {
            if let Some(at) = it.shipped_at {
                left.insert(it.shipment_id.clone(), (it, at));
            }
        }
        let mut all = BTreeMap::<_, Vec<i64>>::new();
        for (report, at) in left.into_values() {
            let of = self
                .orders
                .iter()
                .find(|it| it.order.order_id == report.order_id);
            let placed = of.expect("an order").occurred_at;
            let system = report.system.as_str().to_owned();
            let times = all.entry((day(placed), system)).or_default();
            times.push(at.as_micros() - placed.as_micros());
        }
        let row = |((day, system), mut times): (_, Vec<i64>)| {
            times.sort_unstable();
            let rank = |share: usize| times[(times.len() * share).div_ceil(100) - 1].to_string();
            let (first, last) = (times[0].to_string(), times[times.len() - 1].to_string());
            let count = times.len().to_string();
            text([day, system, count, first, rank(50), rank(95), last])
        };
        all.into_iter().map(row).collect()
    }
}

fn text<const N: usize>(row: [String; N]) -> Vec<Value> {
    row.map(Value::from).into()
}

fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

fn placed(at: usize) -> i64 {
    let at = i64::try_from(at).expect("small");
    FIRST_DAY + at * DAY / 50 + at * 7
}

fn order(at: usize) -> ConfirmedOrder {
    let currency = ["USD", "EUR"][at % 2];
    let money = |units: usize, nanos: u32| json!({ "currency_code": currency, "units": units, "nanos": nanos });
    let band = [json!("LOW"), json!("MEDIUM"), json!("HIGH"), Value::Null][at % 4].clone();
    let mut order = json!({
        "event_id": format!("o-{at}.confirmed"),
        "occurred_at": placed(at),
        "holds": [],
        "total": money(at, 990_000_000),
        "discount": money(0, 0),
        "tax": money(0, 0),
        "risk": { "score": 1, "band": band },
        "order": {
            "order_id": format!("o-{at}"),
            "user_id": "u",
            "email": "a@b.example",
            "user_currency": currency,
            "shipping_tracking_id": format!("t-{at}"),
            "shipping_cost": money(8, 990_000_000),
            "shipping_address": {
                "street_address": "s", "city": "c", "state": "", "country": "US",
                "zip_code": "94043",
            },
            "items": [{
                "item": { "product_id": "OLJCESPC7Z", "quantity": 2 },
                "cost": money(19, 990_000_000),
            }],
        },
    });
    if band.is_null() {
        order["risk"] = Value::Null;
    }
    of(order)
}

/// What an order says of itself in its attributes, and how its data differs from one of ours.
type Said<'a> = (Vec<(&'a str, String)>, fn(&mut Value));

/// Orders as somebody else publishes them.
fn foreign() -> [Message; FOREIGN] {
    let total = |currency: &str, units: i64| {
        (
            "total",
            json!({ "currency_code": currency, "units": units, "nanos": 0 }).to_string(),
        )
    };
    let none = |_: &mut Value| {};
    let says: [Said<'_>; FOREIGN] = [
        (vec![], none),
        (
            vec![
                ("total", "nonsense {".to_owned()),
                ("risk", "nonsense {".to_owned()),
            ],
            none,
        ),
        (vec![total("USD", i64::MAX)], none),
        (vec![total("JPY", 100_000)], none),
        (vec![total("USD", -5)], none),
        (vec![], |it| {
            it["items"][0]["cost"]["units"] = i64::MAX.into()
        }),
        (vec![], |it| {
            it["items"][0]["item"]["quantity"] = (-2).into()
        }),
        (vec![], |it| {
            it["shipping_cost"]["currency_code"] = "JPY".into()
        }),
    ];
    let mut at = ORDERS;
    says.map(|(said, change)| {
        let encoded = order(at).encode();
        let mut data: Value = serde_json::from_str(&encoded.data).expect("JSON");
        change(&mut data);
        let placed = ("occurred-at-us", placed(at).to_string());
        let attributes = said.into_iter().chain([placed]);
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
        at += 1;
        Message {
            data: data.to_string().into(),
            attributes: Arc::new(attributes.collect()),
            ..encoded
        }
    })
}

fn refusal(at: usize) -> OrderRefusedEvent {
    let reasons = [
        "fraud",
        "short",
        "review_denied",
        "standing",
        "review_lapsed",
    ];
    let band = [
        json!("HIGH"),
        Value::Null,
        json!("MEDIUM"),
        Value::Null,
        json!("MEDIUM"),
    ];
    of(json!({
        "order_id": format!("r-{at}"),
        "user_id": "u",
        "user_currency": "USD",
        "amount": at.is_multiple_of(2).then(|| json!({ "currency_code": "USD", "units": 5, "nanos": 0 })),
        "reason": reasons[at % 5],
        "risk_score": Value::Null,
        "risk_band": band[at % 5],
        "refused_at": placed(at),
    }))
}

/// Most shipments leave, some of those are delivered, and an order may have two.
fn reports((at, order): (usize, &ConfirmedOrder)) -> Vec<ShipmentReport> {
    let systems = ["inventory", "furniture"];
    let systems = &systems[..1 + usize::from(at.is_multiple_of(3))];
    let mut all = Vec::new();
    for system in systems {
        let minutes = i64::try_from((at * 37 + system.len() * 11) % 97).expect("small");
        let left = order.occurred_at.as_micros() + minutes * 60 * SECOND;
        let report = |status: &str, shipped: bool| {
            of(json!({
                "event_id": format!("s-{at}-{system}.{status}"),
                "order_id": order.order.order_id,
                "shipment_id": format!("s-{at}-{system}"),
                "system": system,
                "status": status,
                "at": left,
                "shipped_at": shipped.then_some(left),
            }))
        };
        match at % 5 {
            0 => all.push(report("packed", false)),
            1 => all.extend([report("shipped", true), report("delivered", true)]),
            _ => all.push(report("shipped", true)),
        }
    }
    all
}
