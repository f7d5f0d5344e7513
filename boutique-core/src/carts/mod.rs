//! Carts: what a user means to buy.

mod book;
mod keys;
mod memory;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use book::CartBook;
pub use keys::{CART_KEYS_MAX, CartKeys};
pub use memory::MemoryCarts;

use crate::fault::{Fault, PortError};
use crate::ids::{IdempotencyKey, ProductId, UserId};
use crate::limits::{LINES_PER_ORDER_MAX, Units, UnitsOutOfRange};

/// One article of a cart or an order, as the client names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CartLine {
    /// The article.
    #[serde(alias = "productId")]
    pub product_id: ProductId,
    /// How many.
    pub quantity: Units,
}

/// A user's cart: one line per article, in the order they were first added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cart {
    /// What is in it.
    pub lines: Vec<CartLine>,
    /// Grows by one with every change; zero for a cart that was never filled.
    pub version: u64,
}

/// A cart at one version: what an order that is confirmed empties, and nothing newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartRef {
    /// Whose cart.
    pub user_id: UserId,
    /// The version the order was made of.
    pub version: u64,
}

/// Why a line cannot be added. The cart is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum CartRejection {
    /// The line would have more than one line may.
    #[error("{0}")]
    Units(#[from] UnitsOutOfRange),
    /// The cart is full.
    #[error("a cart has at most {LINES_PER_ORDER_MAX} lines")]
    Full,
    /// The key came with another line.
    #[error("Idempotency-Key: the key was used for another line: use a new key for a new addition")]
    KeyReused,
}

/// Why a cart store does not do what it is asked.
pub type CartError = PortError<CartRejection>;

/// Keeps carts. A checkout store empties the cart of an order it confirms, in the same
/// transaction; so the two are usually one object.
#[async_trait]
pub trait Carts: Send + Sync + 'static {
    /// Adds units of an article; answers with all of the cart as it is now.
    ///
    /// With a `key`, at most once: the user's cart remembers the keys of its newest
    /// [`CART_KEYS_MAX`] keyed additions, also when it is emptied in between, and an addition
    /// whose key it remembers changes nothing. Without one, every call adds.
    ///
    /// # Errors
    ///
    /// [`CartRejection`]: the cart is unchanged, and the key is not taken by this call. After an
    /// ambiguous fault only an addition with a key may be repeated.
    async fn add(
        &self,
        user_id: &UserId,
        line: CartLine,
        key: Option<IdempotencyKey>,
    ) -> Result<Cart, CartError>;

    /// The user's cart; an empty one if there is none.
    async fn cart(&self, user_id: &UserId) -> Result<Cart, Fault>;

    /// Empties the cart, if it still has `version` where one is given. Emptying again is fine.
    async fn empty(&self, user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault>;
}
