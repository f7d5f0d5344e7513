//! A stock ledger behind a wire.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderValue, Method, StatusCode, header};
use boutique_core::clock::Timestamp;
use boutique_core::fault::{Fault, PortError};
use boutique_core::ids::{HoldId, ProductId};
use boutique_core::stock::{
    Hold, LedgerError, Level, Receive, Rejection, Reserve, SetOnHand, Settle, StockAudit,
    StockLedger, StockLine,
};
use serde::Serialize;

use super::super::exchange::{BoxExchange, Exchange, Reply, Target, Upstream};
use super::super::page::{LIMIT, LIMIT_MAX, collect};
use super::wire::{
    HoldBody, ItemRead, Lasting, Note, PutWire, ReceiptWire, SettleWire, Sweep, Swept, micros,
};

/// One stock system behind a wire: what the ledger there answers, refuses and fails with is
/// what this one does.
#[derive(Clone, Debug)]
pub struct HttpLedger<S = BoxExchange> {
    /// Where it is.
    pub upstream: Upstream<S>,
}

/// [`super::wire::PromiseWire`] over what the caller has.
#[derive(Serialize)]
struct Promise<'a> {
    lines: &'a [StockLine],
    #[serde(rename = "ttlMicros")]
    ttl_micros: u64,
    #[serde(rename = "validUntil", skip_serializing_if = "Option::is_none")]
    valid_until: Option<Timestamp>,
}

fn of_hold<'a>(hold_id: &'a HoldId, verb: &'a str) -> Target {
    Target::path(["holds", hold_id.as_str(), verb])
}

fn held(reply: &Reply) -> Result<Hold, LedgerError> {
    reply.port::<HoldBody, Rejection>().map(|it| it.0)
}

fn leveled(reply: &Reply) -> Result<Level, LedgerError> {
    reply.port::<ItemRead, Rejection>().map(|it| it.level())
}

/// `None` where the ledger says that there is none. A 404 of something else is a fault.
fn found(reply: &Reply) -> Result<bool, Fault> {
    if reply.status != StatusCode::NOT_FOUND {
        return Ok(true);
    }
    match reply.refused() {
        PortError::Rejected(Rejection::UnknownHold | Rejection::UnknownProduct(_)) => Ok(false),
        other => Err(other.into_fault("the stock system refuses a look")),
    }
}

impl<S: Exchange> HttpLedger<S> {
    async fn bare(&self, hold_id: &HoldId, verb: &str) -> Result<Hold, LedgerError> {
        let target = of_hold(hold_id, verb);
        held(&self.upstream.bare(Method::POST, target).await?)
    }
}

#[async_trait]
impl<S: Exchange> StockLedger for HttpLedger<S> {
    async fn reserve(&self, request: Reserve) -> Result<Hold, LedgerError> {
        let target = Target::path(["holds", request.hold_id.as_str()]).query("brief", true);
        let promise = Promise {
            lines: &request.lines,
            ttl_micros: micros(request.ttl),
            valid_until: Some(request.valid_until).filter(|it| *it != Timestamp::MAX),
        };
        held(&self.upstream.json(Method::PUT, target, &promise).await?)
    }

    async fn extend(&self, hold_id: &HoldId, ttl: Duration) -> Result<Hold, LedgerError> {
        let target = of_hold(hold_id, "extend");
        let lasting = Lasting::exactly(ttl);
        held(&self.upstream.json(Method::POST, target, &lasting).await?)
    }

    async fn pin(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.bare(hold_id, "pin").await
    }

    async fn confirm(&self, hold_id: &HoldId, note: Option<String>) -> Result<Hold, LedgerError> {
        if note.is_none() {
            return self.bare(hold_id, "confirm").await;
        }
        let target = of_hold(hold_id, "confirm");
        let note = Note { note };
        held(&self.upstream.json(Method::POST, target, &note).await?)
    }

    async fn void(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        let target = Target::path(["holds", hold_id.as_str()]);
        held(&self.upstream.bare(Method::DELETE, target).await?)
    }

    async fn ship(&self, request: Settle) -> Result<Hold, LedgerError> {
        let Settle {
            hold_id,
            shipment_id,
            lines,
        } = request;
        let mut settle = SettleWire {
            hold_id: None,
            shipment_id,
            quantity: None,
            lines: None,
        };
        // The path names a product, so a shipment without lines has a path of its own.
        let product_id = match lines.as_deref() {
            None | Some([]) => {
                settle.lines = lines;
                let target = of_hold(&hold_id, "ship");
                return held(&self.upstream.json(Method::POST, target, &settle).await?);
            }
            Some([line]) => {
                settle.quantity = Some(line.quantity);
                line.product_id.clone()
            }
            Some([line, ..]) => {
                let product_id = line.product_id.clone();
                settle.lines = lines;
                product_id
            }
        };
        settle.hold_id = Some(hold_id);
        let put = PutWire {
            stock_level: None,
            settle: Some(settle),
        };
        let target = Target::path(["inventory", product_id.as_str()]);
        held(&self.upstream.json(Method::PUT, target, &put).await?)
    }

    async fn release(&self, hold_id: &HoldId) -> Result<Hold, LedgerError> {
        self.bare(hold_id, "release").await
    }

    async fn receive(&self, request: Receive) -> Result<Level, LedgerError> {
        let target = Target::path(["receipts", request.receipt_id.as_str()]);
        let goods = ReceiptWire {
            product_id: request.product_id,
            quantity: request.quantity,
        };
        leveled(&self.upstream.json(Method::PUT, target, &goods).await?)
    }

    async fn set_on_hand(&self, request: SetOnHand) -> Result<Level, LedgerError> {
        let target = Target::path(["inventory", request.product_id.as_str()]);
        let put = PutWire {
            stock_level: Some(request.on_hand),
            settle: None,
        };
        let body = serde_json::to_vec(&put)
            .map_err(|error| Fault::permanent("the request cannot be written").because(error))?;
        let mut sent = self.upstream.request(Method::PUT, &target, body.into())?;
        let headers = sent.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let tag = request.if_version.map(|it| format!("\"{it}\""));
        if let Some(Ok(tag)) = tag.map(HeaderValue::try_from) {
            headers.insert(header::IF_MATCH, tag);
        }
        leveled(&self.upstream.send(sent).await?)
    }

    async fn level(&self, product_id: &ProductId) -> Result<Option<Level>, Fault> {
        let target = Target::path(["inventory", product_id.as_str()]);
        let reply = self.upstream.bare(Method::GET, target).await?;
        match found(&reply)? {
            true => Ok(Some(reply.json::<ItemRead>()?.level())),
            false => Ok(None),
        }
    }

    async fn levels(
        &self,
        after: Option<&ProductId>,
        limit: usize,
    ) -> Result<Vec<(ProductId, Level)>, Fault> {
        let target = Target::path(["inventory"]);
        let after = after.map(ProductId::as_str);
        let items = collect(
            &self.upstream,
            target,
            after,
            limit,
            LIMIT_MAX,
            |it: &ItemRead| it.product_id.as_str(),
        )
        .await?;
        let levels = items.into_iter().map(|it| {
            let level = it.level();
            (it.product_id, level)
        });
        Ok(levels.collect())
    }

    async fn hold(&self, hold_id: &HoldId) -> Result<Option<Hold>, Fault> {
        let target = Target::path(["holds", hold_id.as_str()]);
        let reply = self.upstream.bare(Method::GET, target).await?;
        match found(&reply)? {
            true => Ok(Some(reply.json::<HoldBody>()?.0)),
            false => Ok(None),
        }
    }

    async fn holds(&self, after: Option<&HoldId>, limit: usize) -> Result<Vec<Hold>, Fault> {
        let target = Target::path(["holds"]);
        let after = after.map(HoldId::as_str);
        // Holds have notes of up to 64 KiB, and an answer its ceiling.
        let holds = collect(
            &self.upstream,
            target,
            after,
            limit,
            LIMIT,
            |it: &HoldBody| it.0.id.as_str(),
        )
        .await?;
        Ok(holds.into_iter().map(|it| it.0).collect())
    }

    async fn sweep(&self, limit: usize) -> Result<usize, Fault> {
        let target = Target::path(["sweeps"]);
        let sweep = Sweep {
            limit: limit as u64,
        };
        let reply = self.upstream.json(Method::POST, target, &sweep).await?;
        let swept: Swept = reply.json()?;
        Ok(usize::try_from(swept.expired).unwrap_or(usize::MAX))
    }

    async fn audit(&self) -> Result<StockAudit, Fault> {
        let target = Target::path(["audit"]);
        self.upstream.bare(Method::GET, target).await?.json()
    }
}
