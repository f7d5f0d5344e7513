//! A data file with any damage: it is opened or refused clearly, for writing as for reading, and
//! whatever it answers is an answer or a fault. The rest is the auditor's to find.
//!
//! An input is a list of changes to a file that a boutique has sold on. SQLite keeps no sums of
//! its pages, so damage inside a value may go unseen; what is undone of it is not, and the audit
//! tells of books that do not balance and of stock that is promised twice.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arbitrary::Arbitrary;
use boutique_core::accounting::Entry;
use boutique_core::assembly::{Boutique, Settings};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email};
use boutique_core::ids::{IdempotencyKey, OrderId, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::stock::Receive;
use boutique_fuzz::{CANARY, assert_silent, clock, run};
use boutique_transport::sources::NamedIds;
use boutique_transport::sqlite::{SqliteOptions, SqliteStore};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

#[derive(Arbitrary, Debug)]
enum Change {
    /// Bytes are overwritten, counted in the file's length.
    Overwrite(u32, Vec<u8>),
    /// One bit is another.
    Flip(u32, u8),
    /// A page is another one.
    Copy(u8, u8),
    /// A page is nothing but this byte.
    Fill(u8, u8),
    /// The file ends here.
    Cut(u32),
}

/// A file that was sold on, and where to put a damaged one.
struct Given {
    folder: TempDir,
    whole: Vec<u8>,
    order_id: OrderId,
}

const PAGE: usize = 4_096;

fn open(path: &Path) -> SqliteStore {
    let options = SqliteOptions {
        readers: 1,
        ..SqliteOptions::default()
    };
    SqliteStore::open(path, clock(), options).expect("opens")
}

fn boutique(store: &SqliteStore) -> Boutique {
    let settings = Settings::standard(Arc::new(Catalog::default_range()));
    Boutique::new(store.ports(Arc::new(NamedIds)), settings)
}

fn order() -> PlaceOrder {
    let line = CartLine {
        product_id: ProductId::new("OLJCESPC7Z").expect("an id"),
        quantity: Units::ONE,
    };
    PlaceOrder {
        tenant: TenantId::new("shop").expect("an id"),
        key: IdempotencyKey::new("k").expect("a key"),
        body: OrderBody {
            user_id: UserId::new(CANARY).expect("an id"),
            currency: Currency::USD,
            email: Email::new(format!("{CANARY}@example.com"))
                .expect("an e-mail")
                .into(),
            address: Address {
                street_address: format!("1 {CANARY} Street"),
                city: "Springfield".into(),
                state: String::new(),
                country: "United States".into(),
                zip_code: "97477".into(),
            }
            .into(),
            lines: Some([line].into()),
            ordered_at: None,
        },
        dry_run: false,
        deadline: Timestamp::MAX,
        traceparent: None,
    }
}

fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let within = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::tempdir_in(within).expect("a folder");
        let path = folder.path().join("shop.db");
        let store = open(&path);
        let sold = run(async {
            let boutique = boutique(&store);
            boutique.start().await.expect("starts");
            let receive = Receive {
                receipt_id: ReceiptId::new("r").expect("an id"),
                product_id: ProductId::new("OLJCESPC7Z").expect("an id"),
                quantity: 9,
            };
            boutique
                .ports()
                .inventory
                .receive(receive)
                .await
                .expect("received");
            let sold = boutique.place(order()).await.expect("an answer");
            boutique.settle().await.expect("settles");
            sold
        });
        drop(store);
        let Outcome::Confirmed(receipt) = sold else {
            panic!("not sold: {sold:?}")
        };
        let whole = fs::read(&path).expect("read");
        Given {
            folder,
            whole,
            order_id: receipt.order.order_id,
        }
    })
}

fn damage(file: &mut Vec<u8>, change: Change) {
    let pages = (file.len() / PAGE).max(1);
    let page = |nth: u8| (usize::from(nth) % pages) * PAGE;
    match change {
        Change::Overwrite(at, bytes) if !file.is_empty() => {
            let at = at as usize % file.len();
            let end = file.len().min(at + bytes.len());
            file[at..end].copy_from_slice(&bytes[..end - at]);
        }
        Change::Flip(at, bit) if !file.is_empty() => {
            let at = at as usize % file.len();
            file[at] ^= 1 << (bit % 8);
        }
        Change::Copy(from, to) if file.len() >= PAGE => {
            let (from, to) = (page(from), page(to));
            file.copy_within(from..from + PAGE, to);
        }
        Change::Fill(nth, byte) if file.len() >= PAGE => {
            let at = page(nth);
            file[at..at + PAGE].fill(byte);
        }
        Change::Cut(at) if !file.is_empty() => file.truncate(at as usize % file.len()),
        _ => {}
    }
}

/// Looks at everything the file has; says whether all of it is as it should be.
fn look(store: &SqliteStore, given: &Given) -> bool {
    run(async {
        let boutique = boutique(store);
        let audited = boutique.audit(AuditScope::Running).await;
        let ports = boutique.ports();
        let saga = ports.checkout.saga(&given.order_id).await;
        let entries = ports.journal.entries_of(&given.order_id).await;
        let order = ports.orders.order(&given.order_id).await;
        let levels = ports.inventory.levels(None, 100).await;
        let faults = [
            audited.as_ref().err(),
            saga.as_ref().err(),
            entries.as_ref().err(),
            order.as_ref().err(),
            levels.as_ref().err(),
        ];
        faults.into_iter().flatten().for_each(assert_silent);
        let clean = audited.is_ok_and(|it| it.is_clean());
        if let Ok(levels) = &levels {
            let promised_once = levels
                .iter()
                .all(|(_, it)| it.held.saturating_add(it.committed) <= it.on_hand);
            assert!(promised_once || !clean, "stock is promised twice, unseen");
        }
        if let Ok(entries) = &entries {
            let zero = Money::zero(Currency::USD);
            let balances = |it: &Entry| {
                let sum = it
                    .lines
                    .iter()
                    .try_fold(zero, |sum, it| sum.plus(it.amount));
                sum.is_ok_and(|it| it.is_zero())
            };
            let balanced = entries.iter().all(balances);
            assert!(balanced || !clean, "books do not balance, unseen");
        }
        clean && matches!(saga, Ok(Some(_)))
    })
}

fuzz_target!(|changes: Vec<Change>| {
    let given = given();
    let mut file = given.whole.clone();
    changes.into_iter().for_each(|it| damage(&mut file, it));
    let is_whole = file == given.whole;
    let path: PathBuf = given.folder.path().join("damaged.db");
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(given.folder.path().join(format!("damaged.db{beside}")));
    }
    fs::write(&path, &file).expect("written");
    for writes in [false, true] {
        let opened = if writes {
            let options = SqliteOptions {
                readers: 1,
                ..SqliteOptions::default()
            };
            SqliteStore::open(&path, clock(), options)
        } else {
            SqliteStore::open_read_only(&path, clock())
        };
        match opened {
            Ok(store) => {
                let clean = look(&store, given);
                assert!(clean || !is_whole, "a whole file is found wanting");
            }
            Err(error) => {
                assert_silent(&error);
                assert!(error.to_string().contains("damaged.db"), "{error}");
                assert!(!is_whole, "a whole file is refused: {error}");
            }
        }
    }
});
