//! What Google's BigQuery subscription does, for emulators, which only keep its settings
//! (<https://cloud.google.com/pubsub/docs/bigquery>).

use std::sync::Arc;

use async_trait::async_trait;
use boutique_core::analytics::METADATA;
use boutique_core::broker::{BrokerError, BrokerRejection, Push, SubscriptionId};
use boutique_core::clock::Clock;
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Step;
use boutique_core::schema::Misfit;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::field::Field;
use super::gather::{Append, Gather};
use super::insert::Insert;
use super::{BigQuery, ConnectError, row};
use crate::pubsub::{IntoBigQuery, PubSub, Pulled, Pulling, StreamingPull};

/// Rows of one request, and messages that are waited for at a time.
const ROWS_MAX: usize = 500;

/// A subscription of the Pub/Sub emulator that writes into the BigQuery emulator.
///
/// It goes by what is there, as Google does: by the subscription's own settings and the columns
/// the table has when it begins. A message that is no row is given back, so that the
/// subscription's dead-letter policy has it after its attempts; a table that is away is waited for.
pub struct Bridge {
    pubsub: PubSub,
    subscription: SubscriptionId,
    clock: Arc<dyn Clock>,
    into: IntoBigQuery,
    warehouse: BigQuery,
    fields: Vec<Field>,
}

impl Bridge {
    /// Reads the settings of `subscription`, which writes into a table of the BigQuery that
    /// `warehouse` is at, in whatever project and dataset; `clock` dates what Pub/Sub does not.
    ///
    /// # Errors
    ///
    /// [`BrokerRejection::UnknownSubscription`]; or a fault, permanent if the subscription writes
    /// into no table, or not by the table's schema and with metadata, or the table is not there.
    pub async fn new(
        pubsub: &PubSub,
        warehouse: &BigQuery,
        subscription: SubscriptionId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BrokerError> {
        let permanent = |text: String| PortError::<BrokerRejection>::from(Fault::permanent(text));
        let into = pubsub.bigquery_subscription(&subscription).await?;
        let into = into.ok_or_else(|| {
            permanent(format!(
                "{subscription} writes into no table by its schema and with metadata"
            ))
        })?;
        let warehouse = warehouse.at(&into.table.project, &into.table.dataset);
        let warehouse = warehouse.map_err(|error: ConnectError| {
            let fault = Fault::permanent(format!("{subscription}: {} is no table", into.table));
            PortError::from(fault.because(error))
        })?;
        let found = warehouse.relation(&into.table.table).await?;
        let fields = found.and_then(|it| it.schema).map(|it| it.fields);
        Ok(Self {
            pubsub: pubsub.clone(),
            subscription,
            clock,
            fields: fields.ok_or_else(|| permanent(format!("there is no table {}", into.table)))?,
            into,
            warehouse,
        })
    }

    /// Writes what comes until `stop` says so or is gone; then what it has taken is finished.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the subscription cannot be pulled.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Result<Pulled, Fault> {
        let Self {
            pubsub,
            subscription,
            clock,
            into,
            warehouse,
            fields,
        } = self;
        let table = into.table.table;
        let write = Write(Arc::new(Writing {
            fields,
            drop_unknown_fields: into.drop_unknown_fields,
            subscription: pubsub.subscription(&subscription),
            gather: Gather::new(ToTable { warehouse, table }, ROWS_MAX, stop.clone()),
        }));
        let how = Pulling {
            in_flight: u16::try_from(ROWS_MAX).unwrap_or(u16::MAX),
            ..Pulling::default()
        };
        let service = write.into_service();
        let pull = StreamingPull::new(&pubsub, subscription, service, clock, how).await;
        let pull = pull.map_err(|error| {
            Fault::permanent("the client of Pub/Sub could not be made").because(error)
        })?;
        pull.run(stop).await
    }
}

/// Takes messages in as rows.
#[derive(Clone)]
struct Write(Arc<Writing>);

struct Writing {
    fields: Vec<Field>,
    drop_unknown_fields: bool,
    /// The whole name of the subscription.
    subscription: String,
    gather: Gather<ToTable>,
}

impl Step<Push> for Write {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let row = self.0.row(&push);
        let row =
            row.map_err(|misfit| Fault::permanent("the message is no row").because(misfit))?;
        let id = push.delivery.message_id.to_string();
        self.0.gather.put(Insert::new(&id, &row)).await
    }
}

impl Writing {
    fn row(&self, push: &Push) -> Result<Map<String, Value>, Misfit> {
        let message = &push.delivery.message;
        let Ok(Value::Object(mut object)) = serde_json::from_str(&message.data) else {
            return Err(Misfit {
                place: "data".to_owned(),
                what: "is not a JSON object",
            });
        };
        let mut attributes: Map<String, Value> = message
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        if let Some(key) = &message.ordering_key {
            attributes.insert("ordering_key".to_owned(), (**key).into());
        }
        let metadata: [Value; 4] = [
            self.subscription.as_str().into(),
            push.delivery.message_id.to_string().into(),
            push.delivery.published_at.as_micros().into(),
            attributes.into(),
        ];
        for (column, value) in METADATA.iter().zip(metadata) {
            object.insert(column.name.to_owned(), value);
        }
        row::row(&self.fields, &object, self.drop_unknown_fields)
    }
}

struct ToTable {
    warehouse: BigQuery,
    table: String,
}

#[async_trait]
impl Append for ToTable {
    type Row = Insert;

    async fn append(&self, rows: &[Insert]) -> Result<(), Fault> {
        self.warehouse.insert(&self.table, rows).await
    }
}
