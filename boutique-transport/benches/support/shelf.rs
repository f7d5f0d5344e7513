//! Holds of one unit.

use std::time::Duration;

use boutique_core::clock::Timestamp;
use boutique_core::ids::{HoldId, ProductId, ReceiptId};
use boutique_core::limits::Units;
use boutique_core::stock::{Receive, Reserve, StockLedger, StockLine};

pub(crate) fn product(n: u64) -> ProductId {
    ProductId::new(format!("P{n:03}")).expect("an id")
}

pub(crate) fn request(hold_id: HoldId, product_id: ProductId) -> Reserve {
    Reserve {
        hold_id,
        lines: vec![StockLine {
            product_id,
            quantity: Units::ONE,
        }],
        ttl: Duration::from_secs(900),
        valid_until: Timestamp::MAX,
    }
}

/// Puts so much of every article on the shelf that nothing is ever sold out.
pub(crate) async fn fill(ledger: &dyn StockLedger, articles: u64) {
    for n in 0..articles {
        let receipt = Receive {
            receipt_id: ReceiptId::new(format!("r{n}")).expect("an id"),
            product_id: product(n),
            quantity: 1 << 40,
        };
        ledger.receive(receipt).await.expect("received");
    }
}
