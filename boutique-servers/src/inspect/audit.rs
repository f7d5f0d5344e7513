//! `boutique audit`.

use boutique_core::assembly::{Ports, Topology};
use boutique_core::audit::{AuditReport, AuditScope, Auditor, Invariant};

use crate::exit::Failure;
use crate::output::{Output, Rows};

/// Checks everything that must hold of a data file; `at_rest` if no process works on it and
/// nothing should be left to do.
///
/// # Errors
///
/// [`Failure::Refused`], after everything is printed, if something does not hold.
pub async fn audit(ports: &Ports, at_rest: bool, out: &mut Output<'_>) -> Result<(), Failure> {
    let scope = if at_rest {
        AuditScope::AtRest
    } else {
        AuditScope::Running
    };
    let it = Topology::default();
    let subscriptions = [
        it.orders_to_oms,
        it.orders_to_analytics,
        it.dead_to_oms,
        it.shipments_to_oms,
    ];
    let report = Auditor::new(ports, &subscriptions, scope).run().await?;
    if out.json {
        out.json(&audit_json(&report))?;
    } else {
        print_audit(&report, out)?;
    }
    if report.is_clean() {
        Ok(())
    } else {
        let count = report.violation_count;
        Err(Failure::Refused(format!(
            "the audit found {count} violations"
        )))
    }
}

/// The report as programs read it.
pub fn audit_json(report: &AuditReport) -> serde_json::Value {
    serde_json::json!({
        "violations": report.violation_count,
        "seen": report.seen,
        "found": report.violations,
    })
}

/// Prints what was checked, and every violation.
///
/// # Errors
///
/// [`Failure::Output`].
pub fn print_audit(report: &AuditReport, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new(["must hold", "#violations"]);
    for invariant in Invariant::ALL {
        let broken = report
            .violations
            .iter()
            .filter(|it| it.invariant == invariant);
        rows.push([invariant.to_string(), broken.count().to_string()]);
    }
    let seen = &report.seen;
    let heading = format!(
        "audit of {} orders ({} confirmed), {} holds, {} products, {} entries, {} shipments, \
         {} analytics rows",
        seen.orders,
        seen.confirmed,
        seen.holds,
        seen.products,
        seen.entries,
        seen.shipments,
        seen.analytics_rows
    );
    out.table(&heading, &rows)?;
    for violation in &report.violations {
        out.line(&violation.to_string())?;
    }
    let kept = report.violations.len() as u64;
    if report.violation_count > kept {
        out.line(&format!("and {} more", report.violation_count - kept))?;
    }
    Ok(())
}
