//! Carts in the data file, beside the checkout records that empty them.

use async_trait::async_trait;
use boutique_core::carts::{Cart, CartError, CartKeys, CartLine, Carts};
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{IdempotencyKey, UserId};
use rusqlite::{Connection, params};

use super::query::{Query, count, int, json, to_json};
use super::{SqliteCheckout, Tx};

#[async_trait]
impl Carts for SqliteCheckout {
    async fn add(
        &self,
        user_id: &UserId,
        line: CartLine,
        key: Option<IdempotencyKey>,
    ) -> Result<Cart, CartError> {
        let user_id = user_id.clone();
        let add = move |tx: &Tx<'_>| {
            let mut cart = load(tx, &user_id)?;
            let added = match key {
                Some(key) => {
                    let mut keys = load_keys(tx, &user_id)?;
                    let added = cart.add_once(line, key, &mut keys);
                    let added = added.map_err(PortError::Rejected)?;
                    if added {
                        store_keys(tx, &user_id, &keys)?;
                    }
                    added
                }
                None => cart.add(line).map(|()| true).map_err(PortError::Rejected)?,
            };
            if added {
                store(tx, &user_id, &cart)?;
            }
            Ok(cart)
        };
        self.store.write(add).await
    }

    async fn cart(&self, user_id: &UserId) -> Result<Cart, Fault> {
        self.store.peek(|db| load(db, user_id))
    }

    async fn empty(&self, user_id: &UserId, version: Option<u64>) -> Result<Cart, Fault> {
        let user_id = user_id.clone();
        self.store
            .write(move |tx| empty(tx, &user_id, version))
            .await
    }
}

/// Empties a cart as part of a transaction; answers with what is in it now.
pub(super) fn empty(
    db: &Connection,
    user_id: &UserId,
    version: Option<u64>,
) -> Result<Cart, Fault> {
    let mut cart = load(db, user_id)?;
    let before = cart.version;
    cart.empty(version);
    if cart.version != before {
        store(db, user_id, &cart)?;
    }
    Ok(cart)
}

fn load(db: &Connection, user_id: &UserId) -> Result<Cart, Fault> {
    let found = db.one(
        "SELECT version, lines FROM cart WHERE user_id = ?1",
        [user_id.as_str()],
        |row| {
            Ok(Cart {
                version: count(row, 0)?,
                lines: json(row, 1)?,
            })
        },
    )?;
    Ok(found.unwrap_or_default())
}

fn store(db: &Connection, user_id: &UserId, cart: &Cart) -> Result<(), Fault> {
    db.run(
        "REPLACE INTO cart (user_id, version, lines) VALUES (?1, ?2, ?3)",
        params![user_id.as_str(), int(cart.version)?, to_json(&cart.lines)?],
    )?;
    Ok(())
}

fn load_keys(db: &Connection, user_id: &UserId) -> Result<CartKeys, Fault> {
    let found = db.one(
        "SELECT keys FROM cart_keys WHERE user_id = ?1",
        [user_id.as_str()],
        |row| json(row, 0),
    )?;
    Ok(found.unwrap_or_default())
}

fn store_keys(db: &Connection, user_id: &UserId, keys: &CartKeys) -> Result<(), Fault> {
    db.run(
        "REPLACE INTO cart_keys (user_id, keys) VALUES (?1, ?2)",
        params![user_id.as_str(), to_json(keys)?],
    )?;
    Ok(())
}
