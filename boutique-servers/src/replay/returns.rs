//! What the shop does for a cancellation.

use boutique_core::accounting::{Book, Credit, EntryKind};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::ids::ReturnId;
use boutique_core::money::Money;
use boutique_core::orders::{Refundable, ReturnGoods, ReturnLine};

use super::books::credit_note;
use super::invoices::Cancellation;
use super::lines::CURRENCY;
use super::matching::Return;
use super::shop::{Shop, again, failure};
use crate::exit::Failure;

impl Shop {
    /// Takes goods of one order back onto the shelf and pays them back, once per cancellation.
    /// Answers with what could not be paid back because the order was rounded lower.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the data file says otherwise: nothing of this return is booked.
    pub(super) async fn take_back(
        &self,
        cancellation: &Cancellation,
        returned: &Return,
    ) -> Result<Money, Failure> {
        let order_id = self.order_id(&returned.sale)?;
        let unknown = || Fault::permanent(format!("order {order_id} was not taken in"));
        let order = self
            .ports
            .orders
            .order(&order_id)
            .await?
            .ok_or_else(unknown)?;
        let refundable = Refundable::lines_of(&order.placed).map_err(amount)?;
        let (mut lines, mut excess) = (Vec::new(), Money::zero(CURRENCY));
        for (line, piece) in &returned.lines {
            let line = *line;
            let most = refundable.get(line).ok_or_else(unknown)?;
            let (usual, _) = most.piece(piece.from, piece.units.get()).map_err(amount)?;
            let mut refund = piece.refund;
            if refund.nanos() > usual.nanos() {
                excess = excess
                    .plus(refund.minus(usual).map_err(amount)?)
                    .map_err(amount)?;
                refund = usual;
            }
            lines.push(ReturnLine {
                line,
                quantity: piece.units,
                refund: Some(refund),
            });
        }
        let request = ReturnGoods {
            order_id,
            return_id: ReturnId::new(cancellation.invoice.clone())
                .map_err(|error| Failure::Input(error.to_string()))?,
            lines,
            restock: true,
            at: Some(cancellation.at),
        };
        again(|| self.boutique.desk().run(request.clone()))
            .await
            .map_err(failure)?;
        Ok(excess)
    }

    /// Books a credit that belongs to no order, once per cancellation.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] if the data file has another one under this number.
    pub(super) async fn credit(
        &self,
        cancellation: &Cancellation,
        total: Money,
    ) -> Result<(), Failure> {
        let rate = u64::from(self.taxes.basis_points(&cancellation.country));
        let credit = Credit {
            entry_id: credit_note(&cancellation.invoice)?,
            kind: EntryKind::CreditNote,
            order_id: None,
            total,
            tax: total.portion(rate, 10_000 + rate).map_err(amount)?,
            occurred_at: cancellation.at,
            memo: format!("cancellation {}", cancellation.invoice),
        };
        again(|| self.boutique.book(Book::Credit(credit.clone())))
            .await
            .map_err(failure)?;
        Ok(())
    }
}

fn amount(error: boutique_core::money::MoneyError) -> Failure {
    Fault::permanent("an order's amounts cannot be split")
        .because(error)
        .into()
}
