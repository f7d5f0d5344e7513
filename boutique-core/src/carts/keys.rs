//! Which additions a cart has already seen.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{CartLine, CartRejection};
use crate::ids::IdempotencyKey;

/// How many keyed additions of one cart are remembered: far more than a client has under way
/// at a time, few enough to be kept in one row.
pub const CART_KEYS_MAX: usize = 64;

/// The keys of the newest additions to one user's cart, with what each added. They outlive what
/// is in the cart: an addition that is repeated after the order emptied it does not fill it
/// again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CartKeys(VecDeque<(IdempotencyKey, CartLine)>);

impl CartKeys {
    /// Whether `key` has already added `line`.
    ///
    /// # Errors
    ///
    /// [`CartRejection::KeyReused`] if it added another line.
    pub fn has(&self, key: &IdempotencyKey, line: &CartLine) -> Result<bool, CartRejection> {
        match self.0.iter().find(|(known, _)| known == key) {
            Some((_, added)) if added != line => Err(CartRejection::KeyReused),
            known => Ok(known.is_some()),
        }
    }

    /// Remembers that `key` added `line`, and forgets the oldest beyond [`CART_KEYS_MAX`].
    pub fn remember(&mut self, key: IdempotencyKey, line: CartLine) {
        while self.0.len() >= CART_KEYS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((key, line));
    }
}
