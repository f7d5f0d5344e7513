//! The rules of carts.

use std::collections::BTreeMap;

use super::{Cart, CartKeys, CartLine, CartRejection};
use crate::ids::{IdempotencyKey, UserId};
use crate::limits::{LINES_PER_ORDER_MAX, Units};

impl Cart {
    /// Adds units of an article: to its line if there is one, else as a new line at the end.
    ///
    /// # Errors
    ///
    /// [`CartRejection::Units`] if the line would have too many,
    /// [`CartRejection::Full`] if there is no room for another line. The cart is unchanged.
    pub fn add(&mut self, line: CartLine) -> Result<(), CartRejection> {
        let full = self.lines.len() >= LINES_PER_ORDER_MAX;
        let same = |it: &&mut CartLine| it.product_id == line.product_id;
        match self.lines.iter_mut().find(same) {
            Some(known) => {
                let sum = i64::from(known.quantity.get()) + i64::from(line.quantity.get());
                known.quantity = Units::new(sum)?;
            }
            None if full => return Err(CartRejection::Full),
            None => self.lines.push(line),
        }
        self.version += 1;
        Ok(())
    }

    /// As [`add`](Self::add), but at most once for `key`: says whether this call added.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add), and [`CartRejection::KeyReused`] if the key has added another
    /// line. Neither the cart nor `keys` is changed.
    pub fn add_once(
        &mut self,
        line: CartLine,
        key: IdempotencyKey,
        keys: &mut CartKeys,
    ) -> Result<bool, CartRejection> {
        if keys.has(&key, &line)? {
            return Ok(false);
        }
        self.add(line.clone())?;
        keys.remember(key, line);
        Ok(true)
    }

    /// Empties the cart, if it has `version` where one is given. The version outlives the
    /// lines, so that a late order cannot empty a cart that was filled again. A cart that is
    /// empty already is unchanged.
    pub fn empty(&mut self, version: Option<u64>) {
        let meant = version.is_none_or(|it| it == self.version);
        if meant && !self.lines.is_empty() {
            self.lines.clear();
            self.version += 1;
        }
    }
}

/// All carts, as a plain value. A store that empties the cart of an order it confirms embeds
/// it.
///
/// A cart that was emptied stays in the book, for its version and its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CartBook {
    carts: BTreeMap<UserId, (Cart, CartKeys)>,
}

impl CartBook {
    /// Adds units of an article to the user's cart, at most once for a `key`; answers with all
    /// of it.
    ///
    /// # Errors
    ///
    /// [`CartRejection`]; the cart is unchanged.
    pub fn add(
        &mut self,
        user_id: &UserId,
        line: CartLine,
        key: Option<IdempotencyKey>,
    ) -> Result<Cart, CartRejection> {
        let (cart, keys) = self.carts.entry(user_id.clone()).or_default();
        match key {
            Some(key) => cart.add_once(line, key, keys).map(drop)?,
            None => cart.add(line)?,
        }
        Ok(cart.clone())
    }

    /// The user's cart; an empty one if there is none.
    pub fn cart(&self, user_id: &UserId) -> Cart {
        self.carts
            .get(user_id)
            .map(|(cart, _)| cart.clone())
            .unwrap_or_default()
    }

    /// Empties the user's cart, if it has `version` where one is given; answers with what is in
    /// it now.
    pub fn empty(&mut self, user_id: &UserId, version: Option<u64>) -> Cart {
        match self.carts.get_mut(user_id) {
            Some((cart, _)) => {
                cart.empty(version);
                cart.clone()
            }
            None => Cart::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carts::CART_KEYS_MAX;
    use crate::ids::ProductId;

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("an id")
    }

    fn line(product: &str, quantity: i64) -> CartLine {
        CartLine {
            product_id: ProductId::new(product).expect("an id"),
            quantity: Units::new(quantity).expect("units"),
        }
    }

    #[test]
    fn an_article_has_one_line_where_it_was_first_put() {
        let (mut book, ada) = (CartBook::default(), user("ada"));
        book.add(&ada, line("mug", 1), None).expect("fits");
        book.add(&ada, line("jar", 2), None).expect("fits");
        let cart = book.add(&ada, line("mug", 3), None).expect("fits");
        assert_eq!(cart.lines, [line("mug", 4), line("jar", 2)]);
        assert_eq!(cart.version, 3);
        assert_eq!(book.cart(&ada), cart);
        assert_eq!(book.cart(&user("bob")), Cart::default());
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let (mut book, ada) = (CartBook::default(), user("ada"));
        book.add(&ada, line("mug", 9_999), None).expect("fits");
        let before = book.cart(&ada);
        assert!(matches!(
            book.add(&ada, line("mug", 2), None),
            Err(CartRejection::Units(_))
        ));
        assert_eq!(book.cart(&ada), before);
        for at in 1..LINES_PER_ORDER_MAX {
            book.add(&ada, line(&format!("p{at}"), 1), None)
                .expect("fits");
        }
        let full = book.cart(&ada);
        assert_eq!(
            book.add(&ada, line("one more", 1), None),
            Err(CartRejection::Full)
        );
        assert_eq!(book.cart(&ada), full);
        book.add(&ada, line("mug", 1), None)
            .expect("its line has room");
    }

    #[test]
    fn a_late_order_does_not_empty_a_cart_that_was_filled_again() {
        let (mut book, ada) = (CartBook::default(), user("ada"));
        let ordered = book.add(&ada, line("mug", 1), None).expect("fits").version;
        assert_eq!(book.empty(&ada, Some(ordered)).lines, []);
        let emptied = book.cart(&ada);
        assert_eq!(book.empty(&ada, None), emptied, "again changes nothing");
        let filled = book.add(&ada, line("jar", 1), None).expect("fits");
        assert!(filled.version > ordered);
        assert_eq!(book.empty(&ada, Some(ordered)), filled);
        assert_eq!(book.empty(&ada, None).lines, []);
        assert_eq!(book.empty(&user("bob"), None), Cart::default());
    }

    #[test]
    fn a_key_adds_once_also_after_the_cart_was_emptied() {
        let (mut book, ada) = (CartBook::default(), user("ada"));
        let key = |name: String| Some(IdempotencyKey::new(name).expect("a key"));
        let first = || key("first".into());
        book.add(&ada, line("mug", 1), first()).expect("fits");
        book.empty(&ada, None);
        let cart = book.add(&ada, line("mug", 1), first()).expect("known");
        assert_eq!((cart.lines, cart.version), (vec![], 2));
        let other = book.add(&ada, line("mug", 2), first());
        assert_eq!(other, Err(CartRejection::KeyReused));
        // What it remembers has an end, the newest last.
        for at in 1..CART_KEYS_MAX {
            book.add(&ada, line("jar", 1), key(format!("k{at}")))
                .expect("fits");
        }
        let before = book.cart(&ada);
        assert_eq!(book.add(&ada, line("mug", 1), first()), Ok(before));
        book.add(&ada, line("jar", 1), key("one-more".into()))
            .expect("fits");
        let cart = book.add(&ada, line("mug", 1), first()).expect("fits");
        assert_eq!(cart.lines.last(), Some(&line("mug", 1)));
    }
}
