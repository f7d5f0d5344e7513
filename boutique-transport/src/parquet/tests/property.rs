//! Rows in are rows out.

use boutique_core::analytics::{Table, TableRow};
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::disk::Disk;
use super::super::table::TableWriter;
use super::disk::TestDisk;
use super::generate::{rows, table};
use super::read::{rows_of, told};

#[derive(Clone, Debug)]
enum Move {
    Append(Vec<TableRow>),
    Compact,
    Reopen,
}

fn moves(table: &'static Table) -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => rows(table, 4).prop_map(Move::Append),
        1 => Just(Move::Compact),
        1 => Just(Move::Reopen),
    ];
    vec(one, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Also where a day has become one file, and where eight appends were merged by themselves.
    #[test]
    fn the_table_has_every_row_it_was_given_once_and_as_it_was(
        (table, moves) in table().prop_flat_map(|it| (Just(it), moves(it))),
    ) {
        let disk = TestDisk::default();
        let mut writer = TableWriter::open(disk.clone(), table).expect("opens");
        let mut given = Vec::new();
        for it in moves {
            match it {
                Move::Append(rows) => {
                    given.extend(rows.clone());
                    writer.append(rows).expect("appends");
                }
                Move::Compact => writer.compact().expect("compacts"),
                Move::Reopen => writer = TableWriter::open(disk.clone(), table).expect("opens"),
            }
        }
        let read = |name: &str| disk.read(name).expect("there");
        prop_assert_eq!(rows_of(table, read), told(table, &given));
        writer.compact().expect("compacts");
        prop_assert_eq!(rows_of(table, read), told(table, &given));
        let days = disk.list(table.name).expect("there").into_iter().filter(|it| it.1);
        for (day, _) in days {
            let files = disk.list(&format!("{}/{day}", table.name)).expect("there");
            prop_assert!(files.len() == 1, "{} is in {} files", day, files.len());
        }
    }
}
