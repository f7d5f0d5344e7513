//! Names for a boutique that forgets.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::{IdSource, IdempotencyKey, OrderId, Pseudonym, TenantId};

/// Derives names with the standard library's hash and counts fresh ones.
///
/// For stores that live in memory only: the hash may differ in another build, and what is kept
/// on disk has to be named the same for ever. The transport crate has a source for that.
#[derive(Debug, Default)]
pub struct VolatileIds {
    drawn: AtomicU64,
}

/// Two 64-bit hashes, the second of what the first leaves and more, in hexadecimal.
fn digest(parts: [&str; 3]) -> String {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part.as_bytes());
    }
    let first = hasher.finish();
    hasher.write_u64(first);
    let halves = (u128::from(first) << 64) | u128::from(hasher.finish());
    let digit = |at: u32| char::from_digit((halves >> (4 * at) & 15) as u32, 16);
    (0..32).rev().filter_map(digit).collect()
}

impl IdSource for VolatileIds {
    fn order(&self, tenant: &TenantId, key: &IdempotencyKey) -> OrderId {
        let text = digest(["order", tenant.as_str(), key.as_str()]);
        OrderId::new(text).expect("hexadecimal digits are visible")
    }

    fn pseudonym(&self, what: &str, value: &str) -> Pseudonym {
        let text = digest(["pseudonym", what, value]);
        Pseudonym::new(text).expect("hexadecimal digits are visible")
    }

    fn fresh(&self) -> String {
        format!("fresh-{}", self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}
