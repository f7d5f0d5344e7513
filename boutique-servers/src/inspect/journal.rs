//! `boutique journal`.

use boutique_core::accounting::{Entry, TrialBalance};
use boutique_core::assembly::Ports;
use boutique_core::fault::Fault;
use serde_json::{Value, json};

use super::PAGE;
use crate::exit::Failure;
use crate::output::{Output, Rows, moment};

/// Prints every entry and the trial balance.
///
/// # Errors
///
/// [`Failure::Refused`], after everything is printed, if the books do not balance.
pub async fn journal(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new([
        "#no", "entry", "kind", "date", "account", "#debit", "#credit",
    ]);
    let mut list = Vec::new();
    let mut after = None;
    loop {
        let page = ports.journal.entries(after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (number, entry) in &page {
            if out.json {
                list.push(entry_json(entry));
            } else {
                add_rows(&mut rows, *number, entry);
            }
        }
    }
    let balance = ports.journal.trial_balance().await?;
    if out.json {
        let balance = trial_balance_json(&balance);
        out.json(&json!({"entries": list, "trial_balance": balance}))?;
    } else {
        out.table("journal", &rows)?;
        print_trial_balance(&balance, out)?;
    }
    if balance.is_balanced() {
        Ok(())
    } else {
        Err(Failure::Refused("the books do not balance".to_owned()))
    }
}

fn add_rows(rows: &mut Rows, number: u64, entry: &Entry) {
    for (at, line) in entry.lines.iter().enumerate() {
        let first = |text: String| if at == 0 { text } else { String::new() };
        let (debit, credit) = match line.amount.is_negative() {
            true => (String::new(), line.amount.negated().to_string()),
            false => (line.amount.to_string(), String::new()),
        };
        rows.push([
            first(number.to_string()),
            first(entry.id.to_string()),
            first(entry.kind.as_str().to_owned()),
            first(moment(entry.occurred_at)),
            line.account.to_string(),
            debit,
            credit,
        ]);
    }
}

/// An entry without the moment it was booked at, which differs from run to run.
pub(super) fn entry_json(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "kind": entry.kind,
        "order_id": entry.order_id,
        "reverses": entry.reverses,
        "date": entry.occurred_at.to_string(),
        "memo": entry.memo,
        "lines": entry.lines.iter().map(|it| json!({
            "account": it.account.number(),
            "name": it.account.name(),
            "currency": it.amount.currency(),
            "amount": it.amount.decimal(),
        })).collect::<Vec<_>>(),
    })
}

/// The trial balance, one object an account.
pub fn trial_balance_json(balance: &TrialBalance) -> Value {
    balance
        .rows
        .iter()
        .map(|((currency, account), (debit, credit))| {
            json!({
                "account": account.number(),
                "name": account.name(),
                "currency": currency,
                "debit": debit.decimal(),
                "credit": credit.decimal(),
            })
        })
        .collect()
}

/// Prints the trial balance, whose columns have one sum.
///
/// # Errors
///
/// [`Failure`] if it cannot be printed or a sum is beyond what an amount can be.
pub fn print_trial_balance(balance: &TrialBalance, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["account", "currency", "#debit", "#credit"]);
    for ((currency, account), (debit, credit)) in &balance.rows {
        rows.push([
            account.to_string(),
            currency.to_string(),
            debit.decimal(),
            credit.decimal(),
        ]);
    }
    let totals = balance
        .totals()
        .map_err(|error| Fault::permanent("the books cannot be added up").because(error))?;
    for (currency, (debit, credit)) in totals {
        rows.push([
            "sum".to_owned(),
            currency.to_string(),
            debit.decimal(),
            credit.decimal(),
        ]);
    }
    out.table(
        &format!("trial balance of {} entries", balance.entries),
        &rows,
    )
}
