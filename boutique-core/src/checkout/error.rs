//! Why a checkout has no answer to give.

use serde::{Deserialize, Serialize};

use super::REMARK_BYTES_MAX;
use crate::carts::CartLine;
use crate::catalog::QuoteRejection;
use crate::fault::PortError;
use crate::limits::LINES_PER_ORDER_MAX;
use crate::money::MoneyError;
use crate::shipping::ShippingRejection;

/// A request that cannot become an order. Nothing was kept, nothing is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum CheckoutRejection {
    /// No lines, and an empty cart (422).
    #[error("items: the cart is empty: add something, or send items")]
    EmptyCart,
    /// More lines than an order may have (422).
    #[error(
        "items: {found} lines, but an order has at most {allowed}: split it (the ceiling is {LINES_PER_ORDER_MAX})"
    )]
    TooManyLines {
        /// How many there are.
        found: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// A line that has no price (422).
    #[error(transparent)]
    Quote(#[from] QuoteRejection),
    /// No shipping (422).
    #[error(transparent)]
    Shipping(#[from] ShippingRejection),
    /// An amount that cannot be had (422).
    #[error("items: the order's amount cannot be computed: {0}")]
    Amount(#[from] MoneyError),
    /// The key stands for another body (422).
    #[error("Idempotency-Key: the key was used with another body: use a new key for a new order")]
    KeyReused,
    /// The same request is being carried out (409).
    #[error("Idempotency-Key: the same request is in progress: ask again shortly")]
    InProgress,
    /// The quote has not one line per line asked (a broken pricing service).
    #[error("items: the catalog priced {priced} lines of {asked}")]
    QuoteMismatch {
        /// Lines asked.
        asked: usize,
        /// Lines priced.
        priced: usize,
    },
    /// There is no such order, or it does not wait for a review.
    #[error("the order does not wait for a review")]
    NotInReview,
    /// A reviewer's remark beyond [`REMARK_BYTES_MAX`](super::REMARK_BYTES_MAX) (422).
    #[error("remark: it has {0} bytes, which is more than {REMARK_BYTES_MAX}")]
    RemarkTooLong(usize),
}

impl CheckoutRejection {
    /// Whether `lines` are more than `allowed`.
    pub(super) fn check_lines(lines: &[CartLine], allowed: usize) -> Result<(), Self> {
        if lines.is_empty() {
            return Err(Self::EmptyCart);
        }
        if lines.len() > allowed {
            return Err(Self::TooManyLines {
                found: lines.len(),
                allowed,
            });
        }
        Ok(())
    }
}

/// Why a checkout has no answer to give: a request that cannot become an order, or a fault, in
/// which case recovery finishes what may have begun.
pub type CheckoutError = PortError<CheckoutRejection>;
