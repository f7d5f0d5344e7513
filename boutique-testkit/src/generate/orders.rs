//! What is sold: articles, priced lines, attempts, and the event of a confirmed order.

use std::sync::Arc;

use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, PricedLine, Product};
use boutique_core::checkout::{
    Check, IntendedHold, Intent, OrderBody, PlaceOrder, Verdict, Verdicts,
};
use boutique_core::event::ConfirmedOrder;
use boutique_core::fraud::{Band, Risk};
use boutique_core::money::{Currency, Money};
use boutique_core::pricing::{TaxMode, TaxTable, Totals};
use boutique_core::shipping::{FreightClass, ShippingQuote};
use boutique_core::stock::StockSystem;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    address, cart_line, currency, email, idempotency_key, order_id, price, product_id,
    stock_system, tenant_id, text, tier, timestamp, units, user_id,
};

/// How a bulky article travels.
pub fn freight_class() -> impl Strategy<Value = FreightClass> + Clone {
    select(vec![
        FreightClass::Light,
        FreightClass::Standard,
        FreightClass::Heavy,
    ])
}

/// An article with a price in one to four currencies.
pub fn product() -> impl Strategy<Value = Product> + Clone {
    let prices = [Currency::USD, Currency::EUR, Currency::GBP, Currency::JPY].map(price);
    let kind = (stock_system(), 1..100_000_u32, freight_class());
    (
        product_id(),
        "[A-Z][a-z ]{2,20}",
        text(),
        prices,
        1..=4_usize,
        kind,
    )
        .prop_map(
            |(id, name, description, prices, sold_in, (system, weight_grams, freight_class))| {
                Product {
                    id,
                    name: name.into(),
                    description: description.into(),
                    prices: prices.into_iter().take(sold_in).collect(),
                    categories: vec!["things".into()],
                    weight_grams,
                    system,
                    freight_class: (system == StockSystem::Furniture).then_some(freight_class),
                }
            },
        )
}

/// A catalog of up to eight articles.
pub fn catalog() -> impl Strategy<Value = Catalog> + Clone {
    prop::collection::vec(product(), 0..9).prop_map(|mut products| {
        products.sort_by(|one, other| one.id.cmp(&other.id));
        products.dedup_by(|one, other| one.id == other.id);
        Catalog::new(products).expect("valid by construction")
    })
}

/// A line with its price in `currency`.
pub fn priced_line(currency: Currency) -> impl Strategy<Value = PricedLine> + Clone {
    let kind = (stock_system(), 1..100_000_u32, freight_class());
    (product_id(), units(), price(currency), kind).prop_map(
        |(product_id, quantity, unit_price, (system, weight_grams, freight_class))| PricedLine {
            product_id,
            quantity,
            unit_price,
            weight_grams,
            system,
            freight_class: (system == StockSystem::Furniture).then_some(freight_class),
        },
    )
}

/// One to five lines in `currency`, those of one stock system together, the deciding one first.
pub fn priced_lines(currency: Currency) -> impl Strategy<Value = Arc<[PricedLine]>> + Clone {
    prop::collection::vec(priced_line(currency), 1..6).prop_map(|mut lines| {
        lines.sort_by_key(|it| it.system);
        lines.into()
    })
}

/// What shipping costs in `currency`.
pub fn shipping_quote(currency: Currency) -> impl Strategy<Value = ShippingQuote> + Clone {
    (price(currency), price(currency), 1..60_u16).prop_map(|(parcels, freight, lead_days)| {
        ShippingQuote {
            parcels,
            freight,
            cost: parcels.plus(freight).expect("two prices add up"),
            lead_days,
        }
    })
}

/// No tax, or a rate in or on top of prices.
pub fn tax_table() -> impl Strategy<Value = TaxTable> + Clone {
    let mode = select(vec![TaxMode::Inclusive, TaxMode::Exclusive]);
    (mode, 0..3_000_u16, 0..3_000_u16).prop_map(|(mode, elsewhere, germany)| {
        TaxTable::new(mode, elsewhere, [("Germany", germany)])
    })
}

/// What a client asks to buy in `currency`, with lines or from the cart.
pub fn order_body(currency: Currency) -> impl Strategy<Value = OrderBody> + Clone {
    let lines = option::of(prop::collection::vec(cart_line(), 1..6).prop_map(Arc::from));
    let who = (user_id(), email(), address());
    (who, lines, option::of(timestamp())).prop_map(
        move |((user_id, email, address), lines, ordered_at)| OrderBody {
            user_id,
            currency,
            email,
            address,
            lines,
            ordered_at,
        },
    )
}

fn traceparent() -> impl Strategy<Value = Option<String>> + Clone {
    option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")
}

/// Asks to sell a cart.
pub fn place_order() -> impl Strategy<Value = PlaceOrder> + Clone {
    let body = currency().prop_flat_map(order_body);
    let names = (tenant_id(), idempotency_key());
    (names, body, any::<bool>(), timestamp(), traceparent()).prop_map(
        |((tenant, key), body, dry_run, deadline, traceparent)| PlaceOrder {
            tenant,
            key,
            body,
            dry_run,
            deadline,
            traceparent,
        },
    )
}

/// A first attempt to sell: one hold per stock system its lines touch.
pub fn intent() -> impl Strategy<Value = Intent> + Clone {
    currency().prop_flat_map(|currency| {
        let names = (order_id(), tenant_id(), idempotency_key());
        let goods = (priced_lines(currency), shipping_quote(currency));
        (
            names,
            order_body(currency),
            goods,
            timestamp(),
            traceparent(),
        )
            .prop_map(
                |(
                    (order_id, tenant, key),
                    mut body,
                    (lines, shipping),
                    started_at,
                    traceparent,
                )| {
                    if body.lines.is_some() {
                        body.lines = Some(asked(&lines));
                    }
                    let holds = StockSystem::ALL.into_iter().filter_map(|system| {
                        let lines = lines.iter().filter(|it| it.system == system).count();
                        (lines > 0).then(|| IntendedHold {
                            system,
                            hold_id: order_id.hold(system.as_str(), 1),
                            lines,
                        })
                    });
                    Intent {
                        holds: holds.collect(),
                        order_id,
                        tenant,
                        key,
                        body,
                        attempt: 1,
                        lines,
                        shipping,
                        cart: None,
                        traceparent,
                        started_at,
                        deadline: started_at.after(std::time::Duration::from_secs(30)),
                    }
                },
            )
    })
}

fn asked(lines: &[PricedLine]) -> Arc<[CartLine]> {
    let line = |it: &PricedLine| CartLine {
        product_id: it.product_id.clone(),
        quantity: it.quantity,
    };
    lines.iter().map(line).collect()
}

/// The totals of an attempt for some tier and tax table.
pub fn totals(intent: &Intent) -> impl Strategy<Value = Totals> + Clone {
    let (lines, currency) = (Arc::clone(&intent.lines), intent.body.currency);
    let country = intent.body.address.expose().country.clone();
    let shipping = intent.shipping.cost;
    (tier(), tax_table()).prop_map(move |(tier, taxes)| {
        Totals::of(&lines, currency, tier, shipping, &taxes, &country)
            .expect("a few lines are within the ceiling")
    })
}

/// One check with its verdict.
pub fn check() -> impl Strategy<Value = Check> + Clone {
    let name = select(vec!["stock", "crm", "fraud"]);
    let verdict = select(vec![Verdict::Pass, Verdict::Review, Verdict::Waived]);
    (name, verdict, 0..500_u64, text()).prop_map(|(name, verdict, duration_ms, detail)| Check {
        name: name.into(),
        verdict,
        policy: "fail closed".into(),
        duration_ms,
        detail,
    })
}

/// How risky an order may be found.
pub fn risk() -> impl Strategy<Value = Risk> + Clone {
    (0..=1_000_u16).prop_map(|score| Risk {
        score,
        band: Band::of(score),
    })
}

/// An attempt and what was found out about it; the totals are those of its lines and its tier.
pub fn attempt() -> impl Strategy<Value = (Intent, Verdicts)> + Clone {
    let checks = prop::collection::vec(check(), 0..4);
    let parts = (intent(), tier(), tax_table(), checks, option::of(risk()));
    parts.prop_map(|(intent, tier, taxes, checks, risk)| {
        let totals = Totals::of(
            &intent.lines,
            intent.body.currency,
            tier,
            intent.shipping.cost,
            &taxes,
            &intent.body.address.expose().country,
        )
        .expect("a few lines are within the ceiling");
        let verdicts = Verdicts {
            tier,
            totals,
            checks,
            risk,
        };
        (intent, verdicts)
    })
}

/// A confirmed order: the event's data and its attributes.
pub fn confirmed_order() -> impl Strategy<Value = ConfirmedOrder> + Clone {
    attempt().prop_map(|(intent, verdicts)| ConfirmedOrder::of(&intent, &verdicts))
}

/// An amount of `currency` and a part of it.
pub fn amount_and_part(currency: Currency) -> impl Strategy<Value = (Money, Money)> + Clone {
    (1..1_000_000_i64)
        .prop_flat_map(|whole| (Just(whole), 0..=whole))
        .prop_map(move |(whole, part)| {
            let of = |it| Money::from_minor(currency, it).expect("in range");
            (of(whole), of(part))
        })
}
