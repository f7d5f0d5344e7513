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

/// Two differently seeded 64-bit hashes, in hexadecimal.
fn digest(parts: [&str; 3]) -> String {
    let half = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(seed);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part.as_bytes());
        }
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
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
