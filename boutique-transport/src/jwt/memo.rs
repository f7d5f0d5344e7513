//! Tokens that were verified lately: a signature costs tens of microseconds, a look-up one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::verify::Verified;

/// SHA-256 of a token: the token itself is not kept.
pub(super) type Digest = [u8; 32];

/// How many tokens each of the two halves holds.
const HALF: usize = 8_192;

/// The latest verified tokens, in two halves: when the younger is full, the older is dropped.
/// What is used is carried over, so what is dropped was not used for a while.
#[derive(Default)]
pub(super) struct Memo {
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    // Only looked up, never iterated. Only verified tokens are in it, so nobody can choose keys
    // that collide.
    young: HashMap<Digest, Arc<Verified>>,
    old: HashMap<Digest, Arc<Verified>>,
}

impl Memo {
    pub(super) fn get(&self, digest: &Digest) -> Option<Arc<Verified>> {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verified) = halves.young.get(digest) {
            return Some(Arc::clone(verified));
        }
        let verified = halves.old.remove(digest)?;
        halves.put(*digest, Arc::clone(&verified));
        Some(verified)
    }

    pub(super) fn put(&self, digest: Digest, verified: Arc<Verified>) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.put(digest, verified);
    }

    pub(super) fn forget(&self, digest: &Digest) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        halves.young.remove(digest);
        halves.old.remove(digest);
    }
}

impl Halves {
    fn put(&mut self, digest: Digest, verified: Arc<Verified>) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }
}
