//! Google Cloud Pub/Sub, or its emulator, over Google's own client
//! (<https://docs.rs/google-cloud-pubsub>).
//!
//! A managed broker delivers by itself: a system publishes through [`PubSubPublisher`], a
//! [`Publish`](boutique_core::broker::Publish), and messages come back as pushes to order
//! management's HTTP entrance or through a [`StreamingPull`] into the same service. Delivery is
//! at least once; whoever takes a message in makes a repeat harmless.

mod admin;
mod connect;
mod fault;
mod look;
mod message;
mod publisher;
mod settings;
mod subscriber;
mod topology;

pub use connect::{ConnectError, EMULATOR_HOST, PubSub};
pub use look::Lookout;
pub use publisher::{PubSubPublisher, Publishing};
pub use settings::{
    Delivery, Field, FieldDifference, SubscriptionSettings, ToTable, TopicSettings,
};
pub use subscriber::{Pulled, Pulling, StreamingPull};
pub use topology::{PushTo, SubscriptionPlan};
