//! Messages that could not be taken in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::broker::Message;
use crate::clock::Timestamp;

/// How a letter came to be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterSource {
    /// Order management could not read it or refuses it: delivering it again would not help.
    Refused,
    /// The broker gave up after its attempts.
    Undelivered,
}

/// A message that is kept until a person looks at it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its id: the event's where it can be read, else the broker's number of the message.
    pub id: String,
    /// How it came to be dead.
    pub source: DeadLetterSource,
    /// Why, without personal data.
    pub reason: String,
    /// When it was parked first.
    pub parked_at: Timestamp,
    /// The message, to be delivered again.
    pub message: Message,
}

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("reason", &self.reason)
            .field("parked_at", &self.parked_at)
            .finish_non_exhaustive()
    }
}
