//! Tokens: who is believed, by which keys, for how long.
//!
//! * [`Verifier`]: a token in, the verified caller out. What it believes is a
//!   [`TokenPolicy`](boutique_core::gateway::TokenPolicy).
//! * [`jwks`]: the keys of an issuer, fetched, kept and rotated (RFC 7517).
//! * [`PushVerifier`]: the tokens of Pub/Sub push, and [`PushTokens`], those of our own.
//! * [`DevIssuer`]: tokens for use on one machine.
//!
//! Signatures and formats are jsonwebtoken's (RFC 7515, 7519); times are compared here, with the
//! clock that everything else uses. The rules follow RFC 8725: the algorithm is the issuer's and
//! never the token's, keys are found by `kid` among those fetched from the configured address,
//! and a token that names keys or critical extensions of its own gains nothing by it.

mod dev;
pub mod jwks;
mod memo;
mod push;
mod verify;

pub use dev::{DEV_AUDIENCE, DEV_ISSUER, DEV_JWKS_PATH, DevIssuer, DevKeyError, Mint};
pub use jwks::{InvalidJwksUri, JwksOptions};
pub use push::{GOOGLE_JWKS_URI, PushTokens, PushVerifier};
pub use verify::{TokenError, Verified, Verifier, bearer};
