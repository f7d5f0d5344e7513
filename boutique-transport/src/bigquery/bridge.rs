//! What Google's BigQuery subscription does, for emulators, which only keep its settings
//! (<https://cloud.google.com/pubsub/docs/bigquery>).

use std::sync::Arc;

use async_trait::async_trait;
use boutique_core::analytics::METADATA;
use boutique_core::broker::{Push, SubscriptionId};
use boutique_core::clock::Clock;
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::schema::Misfit;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::field::Field;
use super::gather::{Append, Gather};
use super::insert::Insert;
use super::{BigQuery, row};
use crate::pubsub::{Delivery, PubSub, Pulled, Pulling, StreamingPull};

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
    drop_unknown_fields: bool,
    warehouse: BigQuery,
    table: String,
    fields: Vec<Field>,
}

impl Bridge {
    /// Reads the settings of `subscription`, which writes into a table of the BigQuery that
    /// `warehouse` is at, in whatever project and dataset; `clock` dates what Pub/Sub does not.
    ///
    /// # Errors
    ///
    /// A [`Fault`], permanent if there is no such subscription, it writes into no table, or not by
    /// the table's schema and with metadata, or the table is not there.
    pub async fn new(
        pubsub: &PubSub,
        warehouse: &BigQuery,
        subscription: SubscriptionId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Fault> {
        let permanent = |what: String| Fault::permanent(format!("{subscription}: {what}"));
        let mut all = pubsub.subscriptions().await?.into_iter();
        let found = all.find(|(id, _)| *id == subscription);
        let to = match found.map(|(_, settings)| settings.delivery) {
            Some(Delivery::BigQuery(to)) if to.use_table_schema && to.write_metadata => to,
            Some(other) => {
                let text =
                    format!("delivers {other}, not into a table by its columns with metadata");
                return Err(permanent(text));
            }
            None => return Err(permanent("there is no such subscription".to_owned())),
        };
        let none = || permanent(format!("there is no table {}", to.table));
        let names: Vec<&str> = to.table.split('.').collect();
        let [project, dataset, table] = names[..] else {
            return Err(none());
        };
        let fine = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'-';
        let warehouse = warehouse
            .at(project, dataset)
            .map_err(|it| none().because(it))?;
        let found = match table.bytes().all(fine) {
            true => warehouse.relation(table).await?,
            false => None,
        };
        let schema = found.and_then(|it| it.schema).ok_or_else(none)?;
        Ok(Self {
            pubsub: pubsub.clone(),
            clock,
            drop_unknown_fields: to.drop_unknown_fields,
            warehouse,
            table: table.to_owned(),
            fields: schema.fields,
            subscription,
        })
    }

    /// Writes what comes until `stop` says so or is gone; then what it has taken is finished, or
    /// given back where BigQuery does not answer.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if the subscription cannot be pulled.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Result<Pulled, Fault> {
        let Self {
            pubsub,
            subscription,
            clock,
            drop_unknown_fields,
            warehouse,
            table,
            fields,
        } = self;
        let write = Write(Arc::new(Writing {
            fields,
            drop_unknown_fields,
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
