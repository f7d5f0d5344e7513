//! Laws of totals and shares, over many small orders that are made to round badly.

use super::{Allocation, TaxMode, TaxTable, Totals};
use crate::catalog::PricedLine;
use crate::clock::Timestamp;
use crate::customer::{Address, Email, Tier};
use crate::event::{ConfirmedOrder, ItemRef, OrderConfirmedEvent, OrderItem};
use crate::ids::{OrderId, ProductId, UserId};
use crate::limits::Units;
use crate::money::{Currency, Money};
use crate::pii::Pii;
use crate::stock::StockSystem;

/// Knuth's linear congruential generator: the same orders in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        choices[usize::try_from(at).expect("small")]
    }

    /// Mostly little, sometimes much, sometimes nothing, in minor units or below them.
    fn amount(&mut self, currency: Currency, whole: bool) -> Money {
        let most = self.of(&[1, 3, 20, 500, 20_000, 900_000]);
        let minor = i64::try_from(self.below(most + 1)).expect("small");
        let amount = Money::from_minor(currency, minor).expect("in range");
        if whole || self.below(4) > 0 {
            return amount;
        }
        let below_minor = Money::from_nanos(currency, i128::from(self.below(30_000_000)));
        amount.plus(below_minor.expect("small")).expect("in range")
    }
}

/// An order, what it comes to, and how that was taxed.
struct Case {
    totals: Totals,
    order: ConfirmedOrder,
}

/// `whole` keeps every price and the shipping quote in minor units.
fn case(draw: &mut Draw, whole: bool) -> Case {
    let kwd = Currency::new("KWD").expect("a currency");
    let currency = draw.of(&[Currency::USD, Currency::USD, Currency::JPY, kwd]);
    let mut lines = Vec::new();
    for at in 0..=draw.below(6) {
        lines.push(PricedLine {
            product_id: ProductId::new(format!("p{at}")).expect("an id"),
            quantity: Units::new(draw.of(&[1, 1, 2, 3, 7, 10_000])).expect("units"),
            unit_price: draw.amount(currency, whole),
            weight_grams: 1,
            system: StockSystem::Inventory,
            freight_class: None,
        });
    }
    let tier = draw.of(&[Tier::Standard, Tier::Silver, Tier::Gold, Tier::Platinum]);
    let shipping = draw.amount(currency, whole);
    let mode = draw.of(&[TaxMode::Inclusive, TaxMode::Exclusive]);
    let rate = draw.of(&[0, 1, 700, 1_900, 2_500, 10_000, u16::MAX]);
    let taxes = TaxTable::new(mode, 0, [("DE", rate)]);
    let totals =
        Totals::of(&lines, currency, tier, shipping, &taxes, "DE").expect("far below the ceiling");
    let text = str::to_owned;
    let order_id = OrderId::new("o1").expect("an id");
    let order = ConfirmedOrder {
        event_id: order_id.confirmed_event(),
        occurred_at: Timestamp::EPOCH,
        holds: Vec::new(),
        total: totals.total,
        discount: totals.discount,
        tax: totals.tax,
        risk: None,
        traceparent: None,
        order: OrderConfirmedEvent {
            shipping_tracking_id: order_id.tracking(),
            order_id,
            user_id: UserId::new("u1").expect("an id"),
            email: Pii::new(Email::new("ada@example.org").expect("an e-mail")),
            user_currency: currency,
            shipping_cost: totals.shipping,
            shipping_address: Pii::new(Address {
                street_address: text("Unter den Linden 1"),
                city: text("Berlin"),
                state: String::new(),
                country: text("DE"),
                zip_code: text("10117"),
            }),
            items: lines
                .into_iter()
                .map(|it| OrderItem {
                    item: ItemRef {
                        product_id: it.product_id,
                        quantity: it.quantity,
                    },
                    cost: it.unit_price,
                })
                .collect(),
        },
    };
    Case { totals, order }
}

fn cases(count: usize, whole: bool) -> impl Iterator<Item = Case> {
    let mut draw = Draw(1);
    std::iter::repeat_with(move || case(&mut draw, whole)).take(count)
}

#[test]
fn totals_add_up_to_the_last_nano() {
    for Case { totals, .. } in cases(20_000, false) {
        let Totals {
            goods,
            discount,
            shipping,
            tax,
            tax_mode,
            total,
        } = totals;
        let base = goods.minus(discount).and_then(|it| it.plus(shipping));
        let base = base.expect("one currency");
        let expected = match tax_mode {
            TaxMode::Inclusive => base,
            TaxMode::Exclusive => base.plus(tax).expect("one currency"),
        };
        assert_eq!(total, expected, "{totals:?}");
        for amount in [goods, discount, shipping, tax, total] {
            assert!(!amount.is_negative(), "{totals:?}");
        }
        for rounded in [goods, discount, shipping, tax, total] {
            assert_eq!(rounded, rounded.rounded(), "{totals:?}");
        }
        assert!(discount.nanos() <= goods.nanos(), "{totals:?}");
    }
}

#[test]
fn shares_sum_to_the_order_and_none_is_negative() {
    for whole in [true, false] {
        for Case { totals, order } in cases(20_000, whole) {
            let shares = Allocation::of(&order).expect("one currency").lines;
            let zero = Money::zero(totals.total.currency());
            let all = Allocation {
                lines: shares.clone(),
            };
            let sum = all.sum(0..shares.len(), zero).expect("in range");
            let told = || format!("{totals:?}\n{:?}\n{shares:?}", order.order.items);
            assert_eq!(shares.len(), order.order.items.len());
            assert_eq!(sum.total, totals.total, "{}", told());
            assert_eq!(sum.tax, totals.tax, "{}", told());
            if totals.tax_mode == TaxMode::Inclusive {
                assert_eq!(sum.shipping, totals.shipping, "{}", told());
            }
            for share in &shares {
                let goods = share.total.minus(share.shipping).expect("one currency");
                let net = share.total.minus(share.tax).expect("one currency");
                for amount in [goods, net, share.shipping, share.tax] {
                    assert!(!amount.is_negative(), "{}", told());
                }
            }
        }
    }
}
