//! The programs are beside this file's folder: `cargo run -p boutique-examples --example NAME`.
//!
//! - `cart_to_door`: a stored cart, a checkout, the carrier, a return, the books.
//! - `own_adapter`: a stock adapter of your own that is subtly wrong, and who finds out.
//! - `own_prices`: a boutique that asks a pricing service of your own.
