//! The rules of delivery: what becomes of one message in one subscription.
//!
//! A row is *waiting* until it is due, *leased* while a subscriber has it, and ends when it is
//! acknowledged or dead. Every store of a broker keeps these rows and asks these rules.

use std::sync::Arc;
use std::time::Duration;

use super::{AckId, BrokerRejection, Message, SubscriptionConfig, SubscriptionId};
use crate::clock::Timestamp;

/// A message as one subscription sees it, until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The message.
    pub message_id: u64,
    /// Deliveries so far; 0 for a message that was never leased.
    pub attempt: u32,
    /// Those of them that nobody got to see, and that do not count towards the dead-letter topic.
    pub unsent: u32,
    /// Whether a subscriber has it.
    pub leased: bool,
    /// When the lease ends, or, without one, from when it may be delivered.
    pub due: Timestamp,
}

/// What becomes of a message that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is delivered again, not before this moment.
    Again(Timestamp),
    /// It goes to the dead-letter topic, after that many deliveries that count.
    Dead(u32),
}

/// How long a message rests after its `attempt`-th failed delivery: `backoff_min`, doubled
/// with each further one, at most `backoff_max`.
pub fn next_backoff(config: &SubscriptionConfig, attempt: u32) -> Duration {
    let doubled = 2_u32.checked_pow(attempt.saturating_sub(1));
    let exact = doubled.and_then(|it| config.backoff_min.checked_mul(it));
    exact.map_or(config.backoff_max, |it| it.min(config.backoff_max))
}

impl DeliveryRow {
    /// A message that was just published.
    pub const fn new(message_id: u64, now: Timestamp) -> Self {
        Self {
            message_id,
            attempt: 0,
            unsent: 0,
            leased: false,
            due: now,
        }
    }

    /// Whether it may be leased, as far as it alone is concerned.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.leased && self.due <= now
    }

    /// Leases it to a subscriber.
    pub fn lease(&mut self, config: &SubscriptionConfig, now: Timestamp) -> AckId {
        self.attempt = self.attempt.saturating_add(1);
        self.leased = true;
        self.due = now.after(config.ack_deadline);
        self.ack_id()
    }

    /// Names the latest delivery.
    pub const fn ack_id(&self) -> AckId {
        AckId {
            message_id: self.message_id,
            attempt: self.attempt,
        }
    }

    /// Whether an acknowledgement of `ack_id` ends the message: that of its latest delivery
    /// does, even if the lease has run out meanwhile.
    pub fn is_ended_by(&self, ack_id: AckId) -> bool {
        self.attempt > 0 && (self.ack_id() == ack_id || planted!(StaleAckCounts))
    }

    /// Gives the delivery `ack_id` back. `None`, and nothing changes, if it is not leased any
    /// more.
    pub fn reject(
        &mut self,
        ack_id: AckId,
        config: &SubscriptionConfig,
        now: Timestamp,
    ) -> Option<Fate> {
        let ours = self.leased && self.ack_id() == ack_id;
        ours.then(|| self.fail(config, now.min(self.due)))
    }

    /// Gives the delivery `ack_id` back, which nobody got to see; when it is due again. `None`,
    /// and nothing changes, if it is not leased any more.
    pub fn return_unsent(
        &mut self,
        ack_id: AckId,
        config: &SubscriptionConfig,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let ours = self.leased && self.ack_id() == ack_id;
        ours.then(|| {
            self.unsent = self.unsent.saturating_add(1);
            self.rest(config, now.min(self.due))
        })
    }

    /// Ends a lease that has run out. `None`, and nothing changes, if there is none.
    ///
    /// The back-off counts from the end of the lease, so it does not matter when that is
    /// noticed.
    pub fn lapse(&mut self, config: &SubscriptionConfig, now: Timestamp) -> Option<Fate> {
        let lapsed = self.leased && self.due <= now;
        lapsed.then(|| self.fail(config, self.due))
    }

    fn fail(&mut self, config: &SubscriptionConfig, at: Timestamp) -> Fate {
        let due = self.rest(config, at);
        let counted = self.attempt.saturating_sub(self.unsent);
        match &config.dead_letter {
            Some(policy) if counted >= policy.max_attempts => Fate::Dead(counted),
            _ => Fate::Again(due),
        }
    }

    /// Ends the lease; when it is due again.
    fn rest(&mut self, config: &SubscriptionConfig, at: Timestamp) -> Timestamp {
        self.leased = false;
        self.due = at.after(next_backoff(config, self.attempt));
        self.due
    }

    /// Lets the lease of the delivery `ack_id` end `by` from now; `false` if it has run out.
    pub fn extend(&mut self, ack_id: AckId, by: Duration, now: Timestamp) -> bool {
        let ours = self.leased && self.due > now && self.ack_id() == ack_id;
        if ours {
            self.due = now.after(by);
        }
        ours
    }
}

impl SubscriptionConfig {
    /// Whether a broker can work by it.
    ///
    /// # Errors
    ///
    /// [`BrokerRejection::Attempts`].
    pub fn check(&self) -> Result<(), BrokerRejection> {
        match &self.dead_letter {
            Some(policy) if !(5..=100).contains(&policy.max_attempts) => {
                Err(BrokerRejection::Attempts(policy.max_attempts))
            }
            _ => Ok(()),
        }
    }
}

impl Message {
    /// This message as it goes to the dead-letter topic of `subscription` after `attempts`
    /// deliveries.
    #[must_use]
    pub fn dead(&self, subscription: &SubscriptionId, attempts: u32) -> Self {
        let mut dead = self.clone();
        let said = [
            (SOURCE_SUBSCRIPTION, subscription.to_string()),
            (SOURCE_ATTEMPTS, attempts.to_string()),
        ];
        let said = said.map(|(name, value)| (name.to_owned(), value));
        Arc::make_mut(&mut dead.attributes).extend(said);
        dead
    }
}

/// The attribute of a dead letter that names the subscription it was not taken by.
pub const SOURCE_SUBSCRIPTION: &str = "CloudPubSubDeadLetterSourceSubscription";
/// The attribute of a dead letter that says how often it was delivered.
pub const SOURCE_ATTEMPTS: &str = "CloudPubSubDeadLetterSourceDeliveryCount";

#[cfg(test)]
mod tests {
    use super::super::DeadLetterPolicy;
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_message_rests_twice_as_long_each_time_and_then_is_dead() {
        let mut config = SubscriptionConfig::new("orders".into());
        config.backoff_max = Duration::from_millis(500);
        config.dead_letter = Some(DeadLetterPolicy {
            topic: "dead".into(),
            max_attempts: 5,
        });
        let mut row = DeliveryRow::new(1, at(0));
        let mut fates = Vec::new();
        while fates.len() < 5 {
            let now = row.due;
            assert!(row.is_due(now));
            let ack_id = row.lease(&config, now);
            fates.push(row.reject(ack_id, &config, now).expect("leased"));
            assert_eq!(row.reject(ack_id, &config, now), None);
        }
        let again = |millis| Fate::Again(at(millis));
        assert_eq!(
            fates,
            [
                again(100),
                again(300),
                again(700),
                again(1_200),
                Fate::Dead(5)
            ]
        );
        assert_eq!(next_backoff(&config, u32::MAX), config.backoff_max);
    }

    #[test]
    fn a_delivery_that_nobody_saw_rests_as_long_and_is_not_counted() {
        let mut config = SubscriptionConfig::new("orders".into());
        config.dead_letter = Some(DeadLetterPolicy {
            topic: "dead".into(),
            max_attempts: 5,
        });
        let mut row = DeliveryRow::new(1, at(0));
        // Hours of an outage.
        for _ in 0..1_000 {
            let now = row.due;
            let ack_id = row.lease(&config, now);
            let due = row.return_unsent(ack_id, &config, now).expect("leased");
            assert_eq!(due, now.after(next_backoff(&config, row.attempt)));
            assert_eq!(row.return_unsent(ack_id, &config, now), None);
        }
        let rest = next_backoff(&config, row.attempt);
        assert_eq!(rest, config.backoff_max);
        let mut fates = Vec::new();
        while fates.len() < 5 {
            let now = row.due;
            let ack_id = row.lease(&config, now);
            fates.push(row.reject(ack_id, &config, now).expect("leased"));
        }
        assert!(matches!(fates[3], Fate::Again(_)), "{fates:?}");
        assert_eq!(fates[4], Fate::Dead(5));
    }

    #[test]
    fn a_lease_that_ran_out_can_be_acknowledged_until_the_next_one() {
        let config = SubscriptionConfig::new("orders".into());
        let mut row = DeliveryRow::new(1, at(0));
        let first = row.lease(&config, at(0));
        assert_eq!(row.lapse(&config, at(9_999)), None);
        assert!(row.extend(first, Duration::from_secs(10), at(5_000)));
        assert_eq!(row.lapse(&config, at(10_000)), None);
        assert!(!row.extend(first, Duration::from_secs(10), at(15_000)));
        // Noticed late, counted from its end all the same.
        let fate = row.lapse(&config, at(99_000));
        assert_eq!(fate, Some(Fate::Again(at(15_100))));
        assert!(row.is_ended_by(first));
        let second = row.lease(&config, at(99_000));
        assert!(!row.is_ended_by(first) && row.is_ended_by(second));
    }
}
