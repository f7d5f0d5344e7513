//! The replay itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use boutique_core::audit::AuditScope;
use boutique_core::ids::{ProductId, ReceiptId};
use boutique_core::money::Money;
use boutique_transport::sqlite::SqliteOptions;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::books::{Done, beyond};
use super::invoices::{Cancellation, Document, Documents, Sale};
use super::lines::Skipped;
use super::matching::{Purchases, Settlement};
use super::prices::PricesOfFile;
use super::progress::Progress;
use super::report::{CreditNote, Report};
use super::shop::{Fate, OWN_FILE, Shop};
use super::{decode, read};
use crate::cli::ReplayArgs;
use crate::exit::Failure;
use crate::output::Output;

/// Orders, receipts of goods and shipments that are on their way at one time.
const IN_FLIGHT: usize = 64;
/// How long background work rests when there is nothing to do.
const REST: Duration = Duration::from_millis(2);

/// Sells the orders of a file again, takes back what it takes back, and checks that the books
/// say what the file says.
///
/// # Errors
///
/// [`Failure::Input`] before anything is sold; [`Failure::Refused`], after everything is
/// printed, if the books and the file differ or the audit finds something; a failure that may
/// pass leaves what was done, and running again does the rest.
pub async fn replay(args: &ReplayArgs, out: &mut Output<'_>) -> Result<(), Failure> {
    let begun = Instant::now();
    let wrong =
        |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", args.file.display()));
    let bytes = std::fs::read(&args.file).map_err(|error| wrong(&error))?;
    let text = decode(&bytes);
    let file = read(&text, args.date_order).map_err(|error| wrong(&error))?;
    let Documents { documents, skipped } = Documents::of(file.lines);
    let scratch = tempfile::tempdir()?;
    let scratch = scratch.path().join("replay.db");
    let path = args.data.as_deref().unwrap_or(&scratch);

    let options = SqliteOptions {
        size_limit: args.data_limit,
        ..SqliteOptions::default()
    };
    let prices = PricesOfFile::new(sales_of(&documents));
    let shop = Shop::open(path, options, args.warehouse.as_deref(), prices).await?;
    let mut replay = Replay {
        digest: shop.ports.ids.pseudonym("replayed-file", &text).to_string(),
        shop,
        progress: Progress::new(args.progress_json),
        fates: BTreeMap::new(),
        shipped: BTreeSet::new(),
        purchases: Purchases::default(),
        done: Done::new(),
    };
    replay.done.skipped = file.skipped;
    replay.done.skipped.extend(skipped);
    match args.stock {
        Some(units) => replay.one_by_one(&documents, units).await?,
        None => replay.in_flight(&documents).await?,
    }
    replay.shop.complete_analytics().await?;
    replay.progress.end();

    let mut done = replay.done;
    done.skipped.sort_by_key(|it| it.line);
    let audit = replay.shop.boutique.audit(AuditScope::AtRest).await?;
    let booked = done.booked(&replay.shop, &documents, &replay.fates).await?;
    let net = done.gross.minus(done.back).map_err(beyond)?;
    let agree =
        booked.sales == done.gross && done.receipts == done.gross && booked.credits == done.back;
    let report = Report {
        order: file.order,
        evidence: file.evidence,
        orders: done.orders,
        refused: done.refused,
        cancellations: done.cancellations,
        credit_notes: done.credit_notes,
        skipped: done.skipped,
        gross: done.gross,
        net,
        audit,
        took: begun.elapsed(),
    };
    report.print(out)?;
    if !agree {
        return Err(Failure::Refused(format!(
            "the file's lines come to {} less {}, the receipts to {}, the journal to {} less {}: \
             they must agree; if another file was replayed into this data file, {OWN_FILE}",
            done.gross, done.back, done.receipts, booked.sales, booked.credits
        )));
    }
    match report.audit.violation_count {
        0 => Ok(()),
        count => Err(Failure::Refused(format!(
            "the audit found {count} violations"
        ))),
    }
}

struct Replay {
    shop: Shop,
    digest: String,
    progress: Progress,
    fates: BTreeMap<Arc<str>, Fate>,
    shipped: BTreeSet<Arc<str>>,
    purchases: Purchases,
    done: Done,
}

impl Replay {
    /// Sells everything the file sells, many orders at a time, then takes back what it takes
    /// back. There is enough of every article, so the order does not matter.
    async fn in_flight(&mut self, documents: &[Document]) -> Result<(), Failure> {
        let mut needed: BTreeMap<&ProductId, u64> = BTreeMap::new();
        for sale in sales_of(documents) {
            for line in sale.lines.iter().filter(|_| sale.withheld.is_none()) {
                *needed.entry(&line.article).or_default() += u64::from(line.units.get());
            }
        }
        self.stock(&needed, "needed").await?;
        self.place_all(documents).await?;
        self.shop.settle().await?;
        self.ship_all(documents).await?;
        self.progress.begin(
            "cancellations",
            documents.len() - sales_of(documents).count(),
        );
        for document in documents {
            match document {
                Document::Sale(sale) => self.count(sale)?,
                Document::Cancellation(it) => self.cancel(it).await?,
            }
        }
        self.shop.settle().await
    }

    /// Takes one document after the other, so that whoever comes first gets what there is.
    async fn one_by_one(&mut self, documents: &[Document], units: u64) -> Result<(), Failure> {
        let articles = sales_of(documents).flat_map(|it| it.lines.iter().map(|it| &it.article));
        let stocked: BTreeMap<&ProductId, u64> = articles.map(|it| (it, units)).collect();
        self.stock(&stocked, &format!("each-{units}")).await?;
        self.progress.begin("invoices", documents.len());
        for (at, document) in documents.iter().enumerate() {
            match document {
                Document::Sale(sale) => {
                    let fate = self.shop.place(sale).await?;
                    self.fates.insert(Arc::clone(&sale.invoice), fate);
                    self.count(sale)?;
                    self.progress.step("orders");
                    if at % IN_FLIGHT == 0 {
                        self.shop.boutique.work().await?;
                    }
                }
                Document::Cancellation(it) => {
                    self.shop.settle().await?;
                    self.cancel(it).await?;
                    self.shop.settle().await?;
                }
            }
        }
        self.shop.settle().await?;
        self.ship_all(documents).await
    }

    /// Puts goods on the shelf, once per file, article and `occasion`.
    async fn stock(
        &self,
        units: &BTreeMap<&ProductId, u64>,
        occasion: &str,
    ) -> Result<(), Failure> {
        self.progress.begin("stock", units.len());
        stream::iter(units)
            .map(Ok)
            .try_for_each_concurrent(IN_FLIGHT, async |(article, units)| {
                // An article's number may have characters that a receipt's id may not.
                let name = self.shop.ports.ids.pseudonym("article", article.as_str());
                let receipt = format!("replay.{}.{occasion}.{name}", self.digest);
                let receipt =
                    ReceiptId::new(receipt).map_err(|error| Failure::Input(error.to_string()))?;
                self.shop
                    .receive(receipt, (*article).clone(), *units)
                    .await?;
                self.progress.step("stock");
                Ok(())
            })
            .await
    }

    /// Places every order, and does background work meanwhile.
    async fn place_all(&mut self, documents: &[Document]) -> Result<(), Failure> {
        self.progress.begin("orders", sales_of(documents).count());
        let (shop, progress) = (&self.shop, &self.progress);
        let placed = AtomicBool::new(false);
        let placing = async {
            let fates: Result<BTreeMap<_, _>, Failure> = stream::iter(sales_of(documents))
                .map(async |sale| {
                    let fate = shop.place(sale).await?;
                    progress.step("orders");
                    Ok((Arc::clone(&sale.invoice), fate))
                })
                .buffer_unordered(IN_FLIGHT)
                .try_collect()
                .await;
            placed.store(true, Ordering::Relaxed);
            fates
        };
        let working = async {
            while !placed.load(Ordering::Relaxed) {
                if shop.boutique.work().await?.is_idle() {
                    tokio::time::sleep(REST).await;
                }
            }
            Ok(())
        };
        let (fates, ()) = tokio::try_join!(placing, working)?;
        self.fates = fates;
        Ok(())
    }

    /// Reports every shipment that was not reported yet, and lets the books follow.
    async fn ship_all(&mut self, documents: &[Document]) -> Result<(), Failure> {
        let left: Vec<&Arc<Sale>> = sales_of(documents)
            .filter(|it| matches!(self.fates.get(&it.invoice), Some(Fate::Sold(_))))
            .filter(|it| !self.shipped.contains(&it.invoice))
            .collect();
        self.progress.begin("shipments", left.len());
        stream::iter(&left)
            .map(Ok)
            .try_for_each_concurrent(IN_FLIGHT, async |sale| {
                self.shop.ship(sale).await?;
                self.progress.step("shipments");
                Ok::<(), Failure>(())
            })
            .await?;
        let left: Vec<_> = left.into_iter().map(|it| Arc::clone(&it.invoice)).collect();
        self.shipped.extend(left);
        self.shop.settle().await
    }

    /// Notes what became of an invoice whose fate is known.
    fn count(&mut self, sale: &Arc<Sale>) -> Result<(), Failure> {
        match self.fates.get(&sale.invoice) {
            Some(Fate::Sold(total)) => {
                self.purchases.add(sale, None);
                self.done.sold(sale, *total)
            }
            Some(Fate::Refused(reason)) => {
                self.purchases.add(sale, Some(reason));
                self.done.refused(sale, reason);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes back what a cancellation takes back.
    async fn cancel(&mut self, cancellation: &Cancellation) -> Result<(), Failure> {
        self.progress.step("cancellations");
        if let Err(error) = cancellation.check() {
            self.skip(cancellation, &error.to_string());
            return Ok(());
        }
        let settlement = self.purchases.take(cancellation).map_err(beyond)?;
        let unshipped: Vec<_> = settlement
            .returns
            .iter()
            .filter(|it| !self.shipped.contains(&it.sale.invoice))
            .map(|it| Arc::clone(&it.sale))
            .collect();
        if !unshipped.is_empty() {
            for sale in unshipped {
                self.shop.ship(&sale).await?;
                self.shipped.insert(Arc::clone(&sale.invoice));
            }
            self.shop.settle().await?;
        }
        let credit = match self.pay_back(cancellation, &settlement).await {
            Err(Failure::Refused(reason)) => {
                self.skip(cancellation, &format!("{reason}; {OWN_FILE}"));
                return Ok(());
            }
            credit => credit?,
        };
        if !credit.is_zero() {
            self.done.credit_notes.push(CreditNote {
                invoice: Arc::clone(&cancellation.invoice),
                amount: credit,
                lines: settlement.credited_lines,
            });
        }
        self.done.cancellations += usize::from(settlement.replayed);
        self.done.back = self.done.back.plus(settlement.total).map_err(beyond)?;
        self.done.skipped.extend(settlement.skipped);
        Ok(())
    }

    /// Books the returns of a cancellation and its credit; answers with the latter.
    async fn pay_back(
        &self,
        cancellation: &Cancellation,
        settlement: &Settlement,
    ) -> Result<Money, Failure> {
        let mut credit = settlement.credit;
        for returned in &settlement.returns {
            let excess = self.shop.take_back(cancellation, returned).await?;
            credit = credit.plus(excess).map_err(beyond)?;
        }
        if !credit.is_zero() {
            self.shop.credit(cancellation, credit).await?;
        }
        Ok(credit)
    }

    /// Lists every line of a cancellation that is not replayed.
    fn skip(&mut self, cancellation: &Cancellation, reason: &str) {
        let lines = cancellation.lines.iter().map(|it| Skipped {
            line: it.number,
            reason: format!("cancellation {}: {reason}", cancellation.invoice),
        });
        self.done.skipped.extend(lines);
    }
}

pub(super) fn sales_of(documents: &[Document]) -> impl Iterator<Item = &Arc<Sale>> {
    documents.iter().filter_map(|it| match it {
        Document::Sale(sale) => Some(sale),
        Document::Cancellation(_) => None,
    })
}
