//! What becomes of leases when the process that had them is gone.

use std::path::Path;
use std::sync::Arc;

use boutique_core::broker::{
    Broker, Message, Publish, SubscriptionConfig, SubscriptionId, TopicId,
};
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};

fn open(path: &Path, end_leases: bool) -> SqliteStore {
    let options = SqliteOptions {
        end_leases,
        ..SqliteOptions::default()
    };
    SqliteStore::open(path, Arc::new(SystemClock::default()), options).expect("opens")
}

#[tokio::test]
async fn leases_end_with_their_process_where_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("it.db");
    let topic = TopicId::from("t");
    let subscription = SubscriptionId::from("s");
    {
        let broker = open(&path, false).broker();
        broker.create_topic(&topic).await.expect("created");
        let config = SubscriptionConfig::new(topic.clone());
        let created = broker.create_subscription(&subscription, config).await;
        created.expect("created");
        let message = Message {
            data: "{}".into(),
            attributes: Default::default(),
            ordering_key: Some("k".into()),
        };
        broker
            .publish(&topic, vec![message])
            .await
            .expect("published");
        let leased = broker.pull(&subscription, 9).await.expect("pulled");
        assert_eq!(leased.len(), 1);
    }
    {
        let broker = open(&path, false).broker();
        let pulled = broker.pull(&subscription, 9).await.expect("pulled");
        assert_eq!(pulled, [], "somebody else may be at it");
    }
    let broker = open(&path, true).broker();
    let pulled = broker.pull(&subscription, 9).await.expect("pulled");
    assert_eq!(pulled.len(), 1);
    assert_eq!(pulled[0].attempt, 2, "the lost delivery counts");
}
