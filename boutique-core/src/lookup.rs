//! Tables that are looked up in and never iterated: their order reaches nothing. They hash with
//! fixed keys all the same, so that two runs do the same work.

#![expect(clippy::disallowed_types, reason = "nothing sees their order")]

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// Values by key.
pub(crate) type Lookup<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;
/// Keys alone.
pub(crate) type Marks<K> = HashSet<K, BuildHasherDefault<DefaultHasher>>;
