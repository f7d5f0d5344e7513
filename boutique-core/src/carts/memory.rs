//! Carts in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Cart, CartBook, CartError, CartLine, Carts};
use crate::fault::{Fault, PortError};
use crate::ids::{IdempotencyKey, UserId};

/// Carts that last as long as the process.
#[derive(Debug, Default)]
pub struct MemoryCarts {
    book: Mutex<CartBook>,
}

impl MemoryCarts {
    fn book(&self) -> MutexGuard<'_, CartBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Carts for MemoryCarts {
    async fn add(
        &self,
        user_id: &UserId,
        line: CartLine,
        key: Option<IdempotencyKey>,
    ) -> Result<Cart, CartError> {
        self.book()
            .add(user_id, line, key)
            .map_err(PortError::Rejected)
    }

    async fn cart(&self, user_id: &UserId) -> Result<Cart, Fault> {
        Ok(self.book().cart(user_id))
    }

    async fn empty(&self, user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault> {
        Ok(self.book().empty(user_id, version))
    }
}
