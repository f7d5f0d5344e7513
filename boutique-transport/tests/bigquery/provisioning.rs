//! A dataset that is made what it shall be.

use boutique_core::analytics::ORDERS;
use boutique_transport::bigquery::{BigQuery, Change, Design, Relation};
use serde_json::{Value, json};

use super::support::{dataset, query, send};

fn names(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

async fn table(warehouse: &BigQuery, name: &str, method: &str, body: &Value) -> Value {
    let dataset = warehouse.name();
    let (_, dataset) = dataset.split_once('.').expect("project.dataset");
    send(method, &format!("/datasets/{dataset}/tables/{name}"), body).await
}

#[tokio::test]
async fn what_is_missing_is_made_and_a_second_time_there_is_nothing_to_do() {
    let Some(warehouse) = dataset() else { return };
    let design = warehouse.design();
    let plan = warehouse.plan(&design).await.expect("planned");
    let said = names(&plan.changes);
    assert_eq!(said[0], format!("create dataset {}", warehouse.name()));
    assert_eq!(said.len(), 1 + design.relations.len(), "{said:?}");
    assert!(said.contains(&"create table orders".to_owned()), "{said:?}");
    assert!(
        said.contains(&"create view orders_once".to_owned()),
        "{said:?}"
    );
    warehouse.apply(&plan).await.expect("applied");
    let again = warehouse.plan(&design).await.expect("planned");
    assert!(again.is_done(), "{again:?}");
    // What was planned before somebody else had done it does no harm.
    warehouse.apply(&plan).await.expect("applied");

    let orders = table(&warehouse, "orders", "GET", &Value::Null).await;
    let by_day = json!({ "type": "DAY", "field": "publish_time" });
    assert_eq!(orders["timePartitioning"], by_day);
    assert_eq!(orders["clustering"]["fields"], json!(ORDERS.clustering));
    for (name, _) in &design.relations {
        let rows = query(&format!("SELECT * FROM `{}.{name}`", warehouse.name())).await;
        assert!(rows.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_table_of_yesterday_is_extended_and_keeps_its_rows() {
    let Some(warehouse) = dataset() else { return };
    let mut design = warehouse.design();
    let today = Relation::table(&ORDERS);
    let yesterday = &mut design.relations[0].1;
    let fields = &mut yesterday.schema.as_mut().expect("a table").fields;
    let place = |name| {
        fields
            .iter()
            .position(|it| it.name == name)
            .expect("a column")
    };
    let (attributes, cost) = (place("attributes"), place("shipping_cost"));
    fields[cost].fields.retain(|it| it.name != "nanos");
    fields[0].mode = "REQUIRED".to_owned();
    fields.remove(attributes);
    let mut loose = today.clone();
    let loosened = &mut loose.schema.as_mut().expect("a table").fields;
    loosened[0].mode = "NULLABLE".to_owned();
    loosened[cost].fields[2].mode = "NULLABLE".to_owned();
    design.relations.truncate(1);
    let plan = warehouse.plan(&design).await.expect("planned");
    warehouse.apply(&plan).await.expect("applied");
    let row = json!({ "order_id": "o-1", "shipping_cost": { "currency_code": "USD", "units": 3 } });
    let rows = json!({ "rows": [{ "json": row }] });
    table(&warehouse, "orders/insertAll", "POST", &rows).await;

    design.relations[0].1 = loose;
    let plan = warehouse.plan(&design).await.expect("planned");
    let what = "change orders: add shipping_cost.nanos, add attributes, let order_id be empty";
    assert_eq!(names(&plan.changes), [what]);
    assert!(plan.drift.is_empty(), "{:?}", plan.drift);
    warehouse.apply(&plan).await.expect("applied");
    let again = warehouse.plan(&design).await.expect("planned");
    assert!(again.is_done(), "{again:?}");
    let columns = "order_id, shipping_cost.units, shipping_cost.nanos, attributes";
    let rows = query(&format!(
        "SELECT {columns} FROM `{}.orders`",
        warehouse.name()
    ))
    .await;
    assert_eq!(rows, [[json!("o-1"), json!("3"), Value::Null, Value::Null]]);
}

#[tokio::test]
async fn what_would_need_a_new_table_is_reported_and_left_alone() {
    let Some(warehouse) = dataset() else { return };
    let mut design = warehouse.design();
    let orders = &mut design.relations[0].1;
    orders.time_partitioning = None;
    orders.clustering = None;
    orders.schema.as_mut().expect("a table").fields[0].kind = "INTEGER".to_owned();
    let plan = warehouse.plan(&design).await.expect("planned");
    warehouse.apply(&plan).await.expect("applied");

    let plan = warehouse.plan(&warehouse.design()).await.expect("planned");
    let drift: Vec<_> = plan.drift.iter().map(ToString::to_string).collect();
    assert_eq!(
        drift,
        [
            "orders: order_id: is INTEGER and would be STRING; a type stays",
            "orders: is partitioned otherwise, which only a new table can change",
            "orders: is clustered otherwise",
        ]
    );
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    warehouse.apply(&plan).await.expect("applied");
    let kept = table(&warehouse, "orders", "GET", &Value::Null).await;
    assert_eq!(kept["schema"]["fields"][0]["type"], "INTEGER");
}

#[tokio::test]
async fn a_view_is_given_its_query_of_today() {
    let Some(warehouse) = dataset() else { return };
    let mut design = warehouse.design();
    let view = design.relations.iter_mut().find(|it| it.0 == "orders_once");
    let view = view.expect("a view").1.view.as_mut().expect("a view");
    view.query = format!("SELECT * FROM `{}.orders`", warehouse.name());
    let plan = warehouse.plan(&design).await.expect("planned");
    warehouse.apply(&plan).await.expect("applied");
    let plan = warehouse.plan(&warehouse.design()).await.expect("planned");
    assert_eq!(names(&plan.changes), ["change orders_once: its query"]);
    warehouse.apply(&plan).await.expect("applied");
    let again = warehouse.plan(&warehouse.design()).await.expect("planned");
    assert!(again.is_done(), "{again:?}");
}

#[tokio::test]
async fn a_dataset_elsewhere_is_reported_and_stays_where_it_is() {
    let Some(warehouse) = dataset() else { return };
    let at = |location: Option<&str>| Design {
        location: location.map(str::to_owned),
        relations: Vec::new(),
        ..warehouse.design()
    };
    let plan = warehouse.plan(&at(Some("US"))).await.expect("planned");
    warehouse.apply(&plan).await.expect("applied");
    for same in [Some("us"), None] {
        let plan = warehouse.plan(&at(same)).await.expect("planned");
        assert!(plan.is_done(), "{same:?}: {plan:?}");
    }
    let plan = warehouse.plan(&at(Some("EU"))).await.expect("planned");
    assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    let drift: Vec<_> = plan.drift.iter().map(ToString::to_string).collect();
    let name = warehouse.name();
    let what = "is in US and not in EU; a dataset stays where it is";
    assert_eq!(drift, [format!("{name}: {what}")]);
}
