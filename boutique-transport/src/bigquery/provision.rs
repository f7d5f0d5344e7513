//! Making a dataset what it shall be.

use boutique_core::fault::Fault;
use reqwest::Method;
use serde_json::{Value, json};

use super::BigQuery;
use super::plan::{Change, Found, Plan};
use super::relation::{Design, Relation};
use super::rest::Answer;

impl BigQuery {
    /// What a boutique needs in this dataset.
    pub fn design(&self) -> Design {
        Design::of(&self.name())
    }

    /// Looks what of `design` is there and what is to be done; changes nothing.
    ///
    /// # Errors
    ///
    /// A [`Fault`].
    pub async fn plan(&self, design: &Design) -> Result<Plan, Fault> {
        let dataset = self.look(&self.path("")).await?;
        let location = dataset.as_ref().and_then(|it| it["location"].as_str());
        let mut found = Found {
            dataset: dataset.is_some(),
            location: location.map(str::to_owned),
            ..Found::default()
        };
        if found.dataset {
            for (name, _) in &design.relations {
                if let Some(relation) = self.relation(name).await? {
                    found.relations.insert(name.clone(), relation);
                }
            }
        }
        Ok(Plan::between(&found, design))
    }

    /// Does what the plan says, in its order. What somebody else has made in the meantime is
    /// left as it is: another plan tells.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: what comes before the change that failed is done. It may be called again.
    pub async fn apply(&self, plan: &Plan) -> Result<(), Fault> {
        for change in &plan.changes {
            let (method, path, body) = match change {
                Change::CreateDataset { location, .. } => (
                    Method::POST,
                    "/datasets".to_owned(),
                    self.new_dataset(location.as_deref()),
                ),
                Change::Create { name, relation } => (
                    Method::POST,
                    self.path("/tables"),
                    self.referred(name, relation)?,
                ),
                Change::Update { name, relation, .. } => (
                    Method::PATCH,
                    self.path(&format!("/tables/{name}")),
                    self.referred(name, relation)?,
                ),
            };
            match self.ask(method, &path, Some(body.to_string()), false).await {
                Ok(Answer::Fine(_) | Answer::Exists) => {}
                Ok(Answer::NotFound) => {
                    let text = format!("{change}: what it is about is gone");
                    return Err(Fault::permanent(text));
                }
                Ok(Answer::Denied(fault)) | Err(fault) => {
                    let kind = fault.kind();
                    return Err(Fault::new(kind, format!("not done: {change}")).because(fault));
                }
            }
        }
        Ok(())
    }

    /// A table or a view of the dataset as it is; none if there is none.
    pub(super) async fn relation(&self, name: &str) -> Result<Option<Relation>, Fault> {
        let Some(found) = self.look(&self.path(&format!("/tables/{name}"))).await? else {
            return Ok(None);
        };
        let relation = serde_json::from_value(found).map_err(|error| {
            let text = format!("{name}: BigQuery describes it in a way that is not known here");
            Fault::permanent(text).because(error)
        });
        relation.map(Some)
    }

    async fn look(&self, path: &str) -> Result<Option<Value>, Fault> {
        match self.ask(Method::GET, path, None, false).await? {
            Answer::Fine(found) => Ok(Some(found)),
            Answer::NotFound | Answer::Exists => Ok(None),
            Answer::Denied(fault) => Err(fault),
        }
    }

    pub(super) fn path(&self, below: &str) -> String {
        format!("/datasets/{}{below}", self.dataset)
    }

    fn new_dataset(&self, location: Option<&str>) -> Value {
        let mut body = json!({
            "datasetReference": { "projectId": &*self.project, "datasetId": &*self.dataset },
            "description": "What a boutique sells, refuses and ships.",
        });
        if let Some(location) = location {
            body["location"] = location.into();
        }
        body
    }

    fn referred(&self, name: &str, relation: &Relation) -> Result<Value, Fault> {
        let mut body = serde_json::to_value(relation)
            .map_err(|error| Fault::permanent("a table cannot be described").because(error))?;
        body["tableReference"] = json!({
            "projectId": &*self.project, "datasetId": &*self.dataset, "tableId": name,
        });
        Ok(body)
    }
}
