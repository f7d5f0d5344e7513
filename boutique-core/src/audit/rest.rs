//! What must hold once nothing is left to do.

use super::{Auditor, Invariant, PAGE, Seen, onward};
use crate::fault::{Fault, PortError};

impl Auditor<'_> {
    pub(super) async fn rest(&mut self) -> Result<(), Fault> {
        let waiting = self.ports.checkout.outbox().await?.waiting;
        if waiting > 0 {
            let detail = format!("{waiting} events are not published");
            self.say(Invariant::EventsTakeEffectOnce, "the outbox", detail);
        }
        let mut is_elsewhere = !self.subscriptions.is_empty();
        for subscription in self.subscriptions {
            match self.ports.broker.backlog(subscription).await {
                Ok(backlog) => {
                    is_elsewhere = false;
                    if backlog.messages > 0 {
                        let detail = format!("{} messages are not delivered", backlog.messages);
                        self.say(Invariant::EventsTakeEffectOnce, subscription, detail);
                    }
                }
                Err(PortError::Fault(fault)) => return Err(fault),
                // A boutique that has never run has no subscriptions, nor has one whose events go
                // through a broker elsewhere.
                Err(PortError::Rejected(_)) => {}
            }
        }
        let rows = self.ports.analytics.raw_rows().await?;
        self.report.seen.analytics_rows = rows;
        if rows == 0 && is_elsewhere {
            // A broker elsewhere has a data warehouse elsewhere.
            return Ok(());
        }
        let mut in_view = 0;
        let mut after = None;
        loop {
            let page = self
                .ports
                .analytics
                .deduplicated(after.as_ref(), PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            after = onward(after, last.event_id.clone())?;
            for row in &page {
                if !self.is_event_of(&row.event_id, &row.order_id).await? {
                    let detail = "in the view, but no confirmed order";
                    self.say(Invariant::AnalyticsAgree, &row.order_id, detail);
                }
                in_view += 1;
            }
        }
        // Every row is a confirmed order and event ids are distinct: the counts decide the rest.
        let Seen {
            confirmed, foreign, ..
        } = self.report.seen;
        if in_view != confirmed + foreign {
            let sold = format!("{confirmed} confirmed and {foreign} of other publishers");
            let detail = format!("{in_view} orders in the view, {sold}");
            self.say(Invariant::AnalyticsAgree, "the view", detail);
        }
        Ok(())
    }
}
