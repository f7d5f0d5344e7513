//! The power goes, or the disk fails, at each step of everything.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use boutique_core::analytics::{ORDERS, TableRow};

use super::super::WarehouseError;
use super::super::disk::Disk;
use super::super::manifest::Manifest;
use super::super::table::TableWriter;
use super::disk::{TestDisk, Trouble, Unsynced};
use super::generate::plain;
use super::read::{rows_of, told};

/// A table that has been appended to so often that the next append merges files, and what is in
/// it.
fn crowded() -> (TestDisk, Vec<TableRow>) {
    static MADE: LazyLock<(TestDisk, Vec<TableRow>)> = LazyLock::new(crowd);
    let (disk, rows) = &*MADE;
    (disk.copy(), rows.clone())
}

fn crowd() -> (TestDisk, Vec<TableRow>) {
    let disk = TestDisk::default();
    let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect("opens");
    let mut rows = Vec::new();
    for at in 0..8 {
        let some = plain(&ORDERS, &format!("append-{at}"), 2);
        rows.extend(some.clone());
        writer.append(some).expect("appends");
    }
    (disk, rows)
}

fn read(disk: &TestDisk) -> Vec<String> {
    rows_of(&ORDERS, |name| disk.read(name).expect("there"))
}

/// A move, and the rows that it adds.
type Act = (
    fn(&mut Writer, Vec<TableRow>) -> Result<(), WarehouseError>,
    usize,
);
type Writer = TableWriter<TestDisk>;

const ACTS: [Act; 2] = [(TableWriter::append, 3), (|it, _| it.compact(), 0)];

/// How many steps opening and `act` take.
fn steps(act: Act) -> usize {
    let (disk, _) = crowded();
    let before = disk.steps();
    let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect("opens");
    act.0(&mut writer, plain(&ORDERS, "new", act.1)).expect("nothing is in its way");
    disk.steps() - before
}

/// The rows are those of before, with all of `new` or none, and all if `new` was answered for.
fn whole(disk: &TestDisk, before: &[TableRow], new: &[TableRow], done: bool, when: &str) {
    let with = told(&ORDERS, &[before, new].concat());
    let found = read(disk);
    let without = !done && found == told(&ORDERS, before);
    assert!(found == with || without, "{} rows {when}", found.len());
}

/// Nothing is on the disk that is not in the table.
fn tidy(disk: &TestDisk, when: &str) {
    let manifest = Manifest::decode(&disk.read("orders/manifest.json").expect("there"));
    let parts = manifest.expect("a manifest").parts;
    let mut named: BTreeSet<String> = parts
        .iter()
        .map(|it| format!("orders/{}", it.name()))
        .collect();
    named.insert("orders/manifest.json".to_owned());
    assert_eq!(BTreeSet::from_iter(disk.files()), named, "{when}");
}

#[test]
fn when_the_power_goes_the_table_is_as_it_was_before_or_after() {
    for act in ACTS {
        for at in 0..steps(act) {
            for unsynced in [Unsynced::Lost, Unsynced::Kept] {
                let when = format!("at step {at}, what is not synced is {unsynced:?}");
                let (disk, before) = crowded();
                let new = plain(&ORDERS, "new", act.1);
                disk.plan(at, Trouble::PowerGoes);
                let done = TableWriter::open(disk.clone(), &ORDERS)
                    .and_then(|mut it| act.0(&mut it, new.clone()));
                disk.restart(unsynced);
                whole(&disk, &before, &new, done.is_ok(), &when);

                let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect(&when);
                whole(&disk, &before, &new, done.is_ok(), &when);
                tidy(&disk, &when);
                let had = read(&disk).len();
                writer.append(plain(&ORDERS, "later", 1)).expect(&when);
                assert_eq!(read(&disk).len(), had + 1, "{when}");
            }
        }
    }
}

#[test]
fn what_was_answered_is_there_after_the_power_went() {
    let (disk, mut rows) = crowded();
    let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect("opens");
    let new = plain(&ORDERS, "new", 3);
    rows.extend(new.clone());
    writer.append(new).expect("appends");
    disk.restart(Unsynced::Lost);
    assert_eq!(read(&disk), told(&ORDERS, &rows));
}

#[test]
fn a_step_that_fails_leaves_a_table_that_goes_on() {
    for act in ACTS {
        for at in 0..steps(act) {
            let when = format!("at step {at}");
            let (disk, before) = crowded();
            let Ok(mut writer) = TableWriter::open(disk.clone(), &ORDERS) else {
                panic!("opens {when}");
            };
            let new = plain(&ORDERS, "new", act.1);
            disk.plan(at, Trouble::Fails);
            let done = act.0(&mut writer, new.clone());
            disk.restart(Unsynced::Kept);
            whole(&disk, &before, &new, done.is_ok(), &when);
            // A failure that may pass, of which nothing is known only if it is said.
            if let Err(error) = done {
                let sure = !matches!(error, WarehouseError::Unsure { .. });
                if sure {
                    whole(&disk, &before, &[], true, &when);
                }
                assert!(error.into_fault().kind().is_transient(), "{when}");
            }
            let had = read(&disk).len();
            writer.append(plain(&ORDERS, "later", 1)).expect(&when);
            writer.compact().expect(&when);
            assert_eq!(read(&disk).len(), had + 1, "{when}");
            tidy(&disk, &when);
        }
    }
}

#[test]
fn a_power_cut_while_a_folder_becomes_a_table_leaves_none_or_an_empty_one() {
    let disk = TestDisk::default();
    drop(TableWriter::open(disk.clone(), &ORDERS));
    for at in 0..disk.steps() {
        for unsynced in [Unsynced::Lost, Unsynced::Kept] {
            let disk = TestDisk::default();
            disk.plan(at, Trouble::PowerGoes);
            drop(TableWriter::open(disk.clone(), &ORDERS));
            disk.restart(unsynced);
            let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect("opens");
            writer.append(plain(&ORDERS, "first", 1)).expect("appends");
            assert_eq!(read(&disk).len(), 1);
        }
    }
}

#[test]
fn files_that_somebody_reads_stay_until_they_are_closed() {
    let (disk, rows) = crowded();
    let mut writer = TableWriter::open(disk.clone(), &ORDERS).expect("opens");
    let read_now = disk.files();
    disk.set_read(true);
    writer.compact().expect("compacts");
    let left = disk.files();
    assert!(read_now.iter().all(|it| left.contains(it)), "{left:?}");
    assert_eq!(read(&disk), told(&ORDERS, &rows));
    disk.set_read(false);
    writer.append(Vec::new()).expect("appends nothing");
    tidy(&disk, "once nobody reads");
}

/// A file that never became part of the table stays where it is for as long as somebody reads. No
/// other may have its name: it would be removed in its place.
#[test]
fn what_is_appended_beside_a_reader_stays_when_the_reader_is_gone() {
    let troubles = [
        (Trouble::Fails, Unsynced::Kept),
        (Trouble::PowerGoes, Unsynced::Kept),
        (Trouble::PowerGoes, Unsynced::Lost),
    ];
    for act in ACTS {
        for at in 0..steps(act) {
            for (trouble, unsynced) in troubles {
                let when = format!("at step {at}, {trouble:?}, what is not synced is {unsynced:?}");
                let (disk, before) = crowded();
                let new = plain(&ORDERS, "new", act.1);
                disk.plan(at, trouble);
                let opened = TableWriter::open(disk.clone(), &ORDERS);
                let (writer, done) = match opened {
                    Ok(mut writer) => {
                        let done = act.0(&mut writer, new.clone());
                        (Some(writer), done.is_ok())
                    }
                    Err(_) => (None, false),
                };
                disk.restart(unsynced);
                whole(&disk, &before, &new, done, &when);
                let mut expected = read(&disk);

                disk.set_read(true);
                // After a power cut another process goes on, after a failure the same one.
                let mut writer = match writer.filter(|_| trouble == Trouble::Fails) {
                    Some(writer) => writer,
                    None => TableWriter::open(disk.clone(), &ORDERS).expect(&when),
                };
                let beside = plain(&ORDERS, "beside", 3);
                expected.extend(told(&ORDERS, &beside));
                writer.append(beside).expect(&when);
                disk.set_read(false);
                let after = plain(&ORDERS, "after", 1);
                expected.extend(told(&ORDERS, &after));
                writer.append(after).expect(&when);
                expected.sort();
                assert_eq!(read(&disk), expected, "{when}");
                tidy(&disk, &when);
            }
        }
    }
}

#[test]
fn what_is_damaged_or_of_others_is_said_and_left_alone() {
    let (intact, _) = crowded();
    let part = intact
        .files()
        .into_iter()
        .find(|it| it.ends_with(".parquet"));
    let part = part.expect("a file");
    let said = |path: &str, contents: Option<&[u8]>| {
        let (disk, _) = crowded();
        match contents {
            Some(contents) => disk.write(path, contents).expect("writes"),
            None => drop(disk.remove_unread(&[path.to_owned()])),
        }
        let before = disk.files();
        let error = TableWriter::open(disk.clone(), &ORDERS).err().expect(path);
        assert_eq!(disk.files(), before, "{path}");
        error.to_string()
    };
    let manifest = "orders/manifest.json";
    assert!(said(manifest, None).contains("it is missing"));
    assert!(said(manifest, Some(b"{")).contains("it cannot be read"));
    assert!(said(manifest, Some(br#"{"format":99}"#)).contains("a newer program"));
    assert!(said(&part, None).contains("it is missing"));
    assert!(said(&part, Some(b"PAR1")).contains("its length"));
    assert!(said("orders/notes.txt", Some(b"mine")).contains("no file of a data warehouse"));
}
