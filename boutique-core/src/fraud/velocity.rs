//! The velocity windows as a plain value.

use std::collections::{BTreeSet, VecDeque};

use super::window::{Counted, count};
use super::{Features, Observation, WINDOW_ROWS_MAX};
use crate::clock::Timestamp;
use crate::ids::{OrderId, Pseudonym};
use crate::lookup::Lookup;

/// Every order that was observed, and the newest [`WINDOW_ROWS_MAX`] of each user, e-mail and
/// address. It grows until somebody calls [`VelocityBook::forget`].
///
/// Pseudonyms are numbered per column, so that counting different ones takes an array access
/// each instead of a comparison of texts.
#[derive(Clone, Debug, Default)]
pub struct VelocityBook {
    orders: Lookup<OrderId, Counted<u32>>,
    by_time: BTreeSet<(Timestamp, OrderId)>,
    /// Users, e-mails, addresses.
    columns: [Column; 3],
    /// Per column and number, the last pass that saw it.
    marks: [Vec<u64>; 3],
    pass: u64,
}

/// The subjects of one kind.
#[derive(Clone, Debug, Default)]
struct Column {
    numbers: Lookup<Pseudonym, u32>,
    subjects: Vec<Subject>,
    /// Numbers that name nobody at present.
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Subject {
    name: Pseudonym,
    /// The newest orders, oldest first by moment and then order id.
    rows: VecDeque<(OrderId, Counted<u32>)>,
}

impl VelocityBook {
    /// Counts the order, unless it was observed before, and answers what the windows that end
    /// at its (first) moment saw of its user, e-mail and address.
    pub fn observe(&mut self, observation: &Observation) -> Features {
        let known = self.orders.get(&observation.order_id).copied();
        let row = known.unwrap_or_else(|| self.insert(observation));
        let [user, email, address] = [0, 1, 2].map(|column| {
            self.pass += 1;
            let (marks, pass) = (&mut self.marks, self.pass);
            let rows = &self.columns[column].subjects[row.keys[column] as usize].rows;
            count(
                rows.iter().rev().map(|(_, row)| *row),
                row.at,
                |column, number| {
                    let last = &mut marks[column][number as usize];
                    std::mem::replace(last, pass) != pass
                },
            )
        });
        Features {
            user,
            email,
            address,
        }
    }

    /// What [`VelocityBook::observe`] would answer; nothing is counted.
    pub fn peek(&self, observation: &Observation) -> Features {
        let names = [&observation.user, &observation.email, &observation.address];
        let known = self.orders.get(&observation.order_id);
        let own = known.map_or_else(
            || Counted {
                at: observation.at,
                units: observation.whole_units(),
                // A name without a number is in no other row.
                keys: [0, 1, 2].map(|it| self.columns[it].numbers.get(names[it]).copied()),
            },
            Counted::numbered,
        );
        let [user, email, address] = [0, 1, 2].map(|column| {
            let subject = own.keys[column].map(|it| &self.columns[column].subjects[it as usize]);
            let mut rows: Vec<_> = subject
                .into_iter()
                .flat_map(|it| it.rows.iter().rev())
                .map(|(id, row)| (id, row.numbered()))
                .collect();
            if known.is_none() {
                let id = &observation.order_id;
                let at = rows.partition_point(|(it, row)| (row.at, *it) > (own.at, id));
                rows.insert(at, (id, own));
                rows.truncate(WINDOW_ROWS_MAX);
            }
            let mut seen = BTreeSet::new();
            count(rows.into_iter().map(|(_, it)| it), own.at, |column, key| {
                seen.insert((column, key))
            })
        });
        Features {
            user,
            email,
            address,
        }
    }

    fn insert(&mut self, observation: &Observation) -> Counted<u32> {
        let Observation {
            order_id,
            user,
            email,
            address,
            at,
            ..
        } = observation;
        let names = [user, email, address];
        let row = Counted {
            at: *at,
            units: observation.whole_units(),
            keys: [0, 1, 2].map(|it| self.columns[it].number(names[it], &mut self.marks[it])),
        };
        for (column, number) in self.columns.iter_mut().zip(row.keys) {
            column.insert(number, order_id, row);
        }
        self.by_time.insert((*at, order_id.clone()));
        self.orders.insert(order_id.clone(), row);
        row
    }

    /// Forgets orders observed before `before`; says how many. One of them that is observed
    /// again counts as new.
    pub fn forget(&mut self, before: Timestamp) -> u64 {
        let mut forgotten = 0;
        while let Some((at, order_id)) = self.by_time.pop_first() {
            if at >= before {
                self.by_time.insert((at, order_id));
                break;
            }
            // A subject named by an order that stays has rows that stay: its own order, or the
            // newer ones that pushed it out. So a number is freed only when nobody uses it.
            if let Some(row) = self.orders.remove(&order_id) {
                for (column, number) in self.columns.iter_mut().zip(row.keys) {
                    column.forget(number, before);
                }
            }
            forgotten += 1;
        }
        forgotten
    }

    /// How many orders are remembered.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether no order is remembered.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }
}

impl Counted<u32> {
    fn numbered(&self) -> Counted<Option<u32>> {
        Counted {
            at: self.at,
            units: self.units,
            keys: self.keys.map(Some),
        }
    }
}

impl Column {
    /// The number of `name`, a new one if it has none.
    fn number(&mut self, name: &Pseudonym, marks: &mut Vec<u64>) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let subject = Subject {
            name: name.clone(),
            // Most subjects are seen once.
            rows: VecDeque::with_capacity(1),
        };
        let number = match self.free.pop() {
            Some(number) => {
                self.subjects[number as usize] = subject;
                number
            }
            None => {
                let number = u32::try_from(self.subjects.len())
                    .expect("fewer subjects fit into memory than numbers into 32 bits");
                self.subjects.push(subject);
                marks.push(0);
                number
            }
        };
        self.numbers.insert(name.clone(), number);
        number
    }

    fn insert(&mut self, number: u32, order_id: &OrderId, row: Counted<u32>) {
        let rows = &mut self.subjects[number as usize].rows;
        let at = rows.partition_point(|(id, it)| (it.at, id) < (row.at, order_id));
        rows.insert(at, (order_id.clone(), row));
        if rows.len() > WINDOW_ROWS_MAX {
            rows.pop_front();
        }
    }

    fn forget(&mut self, number: u32, before: Timestamp) {
        let subject = &mut self.subjects[number as usize];
        let had = !subject.rows.is_empty();
        while subject.rows.front().is_some_and(|(_, it)| it.at < before) {
            subject.rows.pop_front();
        }
        if had && subject.rows.is_empty() {
            subject.rows = VecDeque::new();
            self.numbers.remove(&subject.name);
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Velocity;
    use super::*;
    use crate::money::{Currency, Money};

    fn name(text: String) -> Pseudonym {
        Pseudonym::new(text).expect("a pseudonym")
    }

    fn seen(order: u64, user: u64, address: u64, second: i64) -> Observation {
        Observation {
            order_id: OrderId::new(format!("o{order}")).expect("an id"),
            user: name(format!("u{user}")),
            email: name(format!("e{}", user / 2)),
            address: name(format!("a{address}")),
            amount: Money::new(Currency::USD, 10, 990_000_000).expect("in range"),
            at: Timestamp::from_millis(second * 1_000),
        }
    }

    #[test]
    fn a_repeat_of_an_order_counts_once_and_answers_the_same() {
        let mut book = VelocityBook::default();
        let first = book.observe(&seen(1, 1, 1, 0));
        assert_eq!(first.user[0].count, 1);
        assert_eq!(first.user[0].sum_units, 10, "each amount is rounded down");
        book.observe(&seen(2, 1, 2, 5));
        assert_eq!(
            book.observe(&seen(1, 9, 9, 7)),
            first,
            "the first one is used"
        );
        let third = book.observe(&seen(3, 1, 2, 8));
        assert_eq!(third.user[0].count, 3);
        assert_eq!(third.user[0].distinct_addresses, 2);
        assert_eq!(third.address[0].count, 2);
        assert_eq!(book.len(), 3);
    }

    #[test]
    fn windows_exclude_their_start_and_include_their_end() {
        let mut book = VelocityBook::default();
        book.observe(&seen(1, 1, 1, 0));
        let at = |book: &mut VelocityBook, order, second| {
            let [short, long] = book.observe(&seen(order, 1, 1, second)).user;
            (short.count, long.count)
        };
        assert_eq!(at(&mut book, 2, 599), (2, 2));
        assert_eq!(at(&mut book, 3, 600), (2, 3));
        assert_eq!(at(&mut book, 4, 86_399), (1, 4));
        assert_eq!(at(&mut book, 5, 86_400), (2, 4));
    }

    #[test]
    fn a_busy_subject_counts_up_to_the_ceiling() {
        let mut book = VelocityBook::default();
        let mut last = Features::default();
        for order in 0..(WINDOW_ROWS_MAX as u64 + 50) {
            last = book.observe(&seen(order, 1, order, 1));
        }
        assert_eq!(last.user[0].count, WINDOW_ROWS_MAX as u64);
        assert_eq!(last.user[0].distinct_addresses, WINDOW_ROWS_MAX as u64);
        assert_eq!(last.address[0].count, 1);
    }

    /// Whatever arrives in whatever sequence, and whatever is forgotten in between: the book
    /// answers what counting the orders that are left would answer.
    #[test]
    fn the_book_agrees_with_counting_every_row() {
        let mut random = 7_u64;
        let mut draw = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let (mut book, mut all) = (VelocityBook::default(), Vec::<Observation>::new());
        for step in 0..1_500 {
            let second = i64::try_from(draw(3_000)).expect("small") + step * 40;
            // A user draws from few names most of the time, so that rings overflow.
            let user = if draw(4) == 0 { draw(40) } else { 0 };
            let observation = seen(draw(5_000), user, draw(12), second);
            let peeked = book.peek(&observation);
            let features = book.observe(&observation);
            assert_eq!(peeked, features, "{step}");
            let known = all.iter().find(|it| it.order_id == observation.order_id);
            let observation = known.cloned().unwrap_or_else(|| {
                all.push(observation.clone());
                observation
            });
            let rows = |same: fn(&Observation, &Observation) -> bool| -> [Velocity; 2] {
                let of_subject = all.iter().filter(|it| same(it, &observation));
                Velocity::of(&of_subject.cloned().collect::<Vec<_>>(), observation.at)
            };
            assert_eq!(features.user, rows(|a, b| a.user == b.user), "{step}");
            assert_eq!(features.email, rows(|a, b| a.email == b.email), "{step}");
            assert_eq!(features.address, rows(|a, b| a.address == b.address));
            if draw(150) == 0 {
                let before = Timestamp::from_millis((second - 30_000) * 1_000);
                let left = all.len();
                all.retain(|it| it.at >= before);
                assert_eq!(book.forget(before), (left - all.len()) as u64);
                assert_eq!(book.len(), all.len());
            }
        }
        book.forget(Timestamp::MAX);
        assert!(book.is_empty());
        assert!(book.columns.iter().all(|it| it.numbers.is_empty()));
    }
}
