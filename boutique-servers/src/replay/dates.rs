//! Dates as such files write them: `1/12/2010`, `12/1/2010 10:03`, `2011-10-06 16:20:00`.

use std::fmt;

use boutique_core::clock::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Which of day and month comes first in a date with slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

impl DateOrder {
    /// The name it has on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dmy => "dmy",
            Self::Mdy => "mdy",
        }
    }
}

/// A date as it is written, before it is known which of its numbers is the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Year first: there is one reading.
    Iso(DateTime),
    /// Two numbers and a year.
    Slashed {
        /// The first number and the second one.
        numbers: [i8; 2],
        /// The year.
        year: i16,
        /// The time of day.
        time: Time,
    },
}

impl Written {
    /// Reads a date, with or without a time of day; nothing if it is none in either order.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.find([' ', 'T']) {
            Some(at) => (&text[..at], parse_time(text[at + 1..].trim())?),
            None => (text, Time::midnight()),
        };
        let mut parts = date.split(['/', '-', '.']);
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        if first.len() == 4 {
            let date = Date::new(number(first)?, number(second)?, number(third)?).ok()?;
            return Some(Self::Iso(date.to_datetime(time)));
        }
        let year = match (third.len(), number::<i16>(third)?) {
            (2, year) => 2000 + year,
            (4, year) => year,
            _ => return None,
        };
        let numbers = [number(first)?, number(second)?];
        let it = Self::Slashed {
            numbers,
            year,
            time,
        };
        let fits = |order| it.read(order).is_some();
        (fits(DateOrder::Dmy) || fits(DateOrder::Mdy)).then_some(it)
    }

    /// The moment it means if slashed dates are written in `order`.
    pub(super) fn read(self, order: DateOrder) -> Option<Timestamp> {
        let at = match self {
            Self::Iso(at) => at,
            Self::Slashed {
                numbers: [first, second],
                year,
                time,
            } => {
                let (day, month) = match order {
                    DateOrder::Dmy => (first, second),
                    DateOrder::Mdy => (second, first),
                };
                Date::new(year, month, day).ok()?.to_datetime(time)
            }
        };
        let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Timestamp::from_micros(at.as_microsecond()))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.trim_end_matches('Z').split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = match parts.next() {
        Some(second) => number(second.split('.').next()?)?,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

/// How the order of a file's dates came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It was asked for.
    Asked,
    /// No date has two readings that differ.
    OneReading,
    /// A number above twelve is no month.
    AboveTwelve,
    /// Only this reading is in time order, as such files are.
    InTimeOrder,
    /// Both readings are in time order, but in the other one every step is a month or longer.
    Consecutive,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "as asked for",
            Self::OneReading => "every date has one reading",
            Self::AboveTwelve => "the other reading has months above twelve",
            Self::InTimeOrder => "the other reading is not in time order",
            Self::Consecutive => "the other reading jumps by months from day to day",
        })
    }
}

/// Why the order of a file's dates stays unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// Every date fits both readings, and nothing speaks for one of them.
    #[error(
        "day and month could be either way round in every date of the file: \
         say which comes first with --date-order dmy or --date-order mdy"
    )]
    Ambiguous,
    /// Some dates fit one reading only, some the other.
    #[error(
        "line {dmy} has its day first and line {mdy} its month: say which is right with \
         --date-order dmy or --date-order mdy; lines that do not fit are then skipped"
    )]
    Contradictory {
        /// A line that fits day first only.
        dmy: u64,
        /// A line that fits month first only.
        mdy: u64,
    },
}

const DAY: i64 = 86_400_000_000;

/// Decides over the dates of a whole file, each with its line number, in the file's order.
///
/// # Errors
///
/// [`Undecided`] says what to ask for.
pub(super) fn decide(dates: &[(u64, Written)]) -> Result<(DateOrder, Evidence), Undecided> {
    let only = |order, other| {
        dates
            .iter()
            .find(|(_, it)| it.read(order).is_some() && it.read(other).is_none())
            .map(|(line, _)| *line)
    };
    match (
        only(DateOrder::Dmy, DateOrder::Mdy),
        only(DateOrder::Mdy, DateOrder::Dmy),
    ) {
        (Some(dmy), Some(mdy)) => return Err(Undecided::Contradictory { dmy, mdy }),
        (Some(_), None) => return Ok((DateOrder::Dmy, Evidence::AboveTwelve)),
        (None, Some(_)) => return Ok((DateOrder::Mdy, Evidence::AboveTwelve)),
        (None, None) => {}
    }
    let read = |order| -> Vec<i64> {
        let moments = dates.iter().filter_map(|(_, it)| it.read(order));
        moments.map(Timestamp::as_micros).collect()
    };
    let (dmy, mdy) = (read(DateOrder::Dmy), read(DateOrder::Mdy));
    if dmy == mdy {
        return Ok((DateOrder::Dmy, Evidence::OneReading));
    }
    match (dmy.is_sorted(), mdy.is_sorted()) {
        (true, false) => Ok((DateOrder::Dmy, Evidence::InTimeOrder)),
        (false, true) => Ok((DateOrder::Mdy, Evidence::InTimeOrder)),
        (true, true) if runs(&dmy) && leaps(&mdy) => Ok((DateOrder::Dmy, Evidence::Consecutive)),
        (true, true) if runs(&mdy) && leaps(&dmy) => Ok((DateOrder::Mdy, Evidence::Consecutive)),
        _ => Err(Undecided::Ambiguous),
    }
}

/// The days between one date and the next different one.
fn steps(moments: &[i64]) -> impl Iterator<Item = i64> {
    moments
        .windows(2)
        .map(|it| it[1].div_euclid(DAY) - it[0].div_euclid(DAY))
        .filter(|days| *days != 0)
}

/// Whether there are three days or more, none a week after the one before.
fn runs(moments: &[i64]) -> bool {
    steps(moments).count() >= 2 && steps(moments).all(|days| days < 7)
}

/// Whether every step is a month or longer.
fn leaps(moments: &[i64]) -> bool {
    steps(moments).all(|days| days >= 28)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(dates: &[&str]) -> Result<(DateOrder, Evidence), Undecided> {
        let dates: Vec<_> = (2..)
            .zip(dates)
            .map(|(line, it)| (line, Written::parse(it).expect("a date")))
            .collect();
        decide(&dates)
    }

    #[test]
    fn both_releases_dates_are_read() {
        for (text, order, moment) in [
            ("1/12/2010", DateOrder::Dmy, "2010-12-01T00:00:00.000Z"),
            (
                "12/1/2010 10:03",
                DateOrder::Mdy,
                "2010-12-01T10:03:00.000Z",
            ),
            ("12/1/10 8:26", DateOrder::Mdy, "2010-12-01T08:26:00.000Z"),
            (
                "2011-10-06 16:20:00",
                DateOrder::Dmy,
                "2011-10-06T16:20:00.000Z",
            ),
        ] {
            let at = Written::parse(text).and_then(|it| it.read(order));
            assert_eq!(at.expect(text).to_string(), moment, "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "31/31/2010",
            "1/2",
            "1/2/3/4",
            "+1/2/2010",
            "1/2/2010 25:00",
        ] {
            assert_eq!(Written::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_whole_file_decides_which_number_is_the_month() {
        use DateOrder::{Dmy, Mdy};
        for (dates, expected) in [
            (
                &["1/12/2010", "13/12/2010"][..],
                Ok((Dmy, Evidence::AboveTwelve)),
            ),
            (
                &["12/1/2010", "12/13/2010"],
                Ok((Mdy, Evidence::AboveTwelve)),
            ),
            (
                &["30/11/2010", "1/12/2010"],
                Ok((Dmy, Evidence::AboveTwelve)),
            ),
            (
                &["2/11/2010", "12/11/2010", "1/12/2010"],
                Ok((Dmy, Evidence::InTimeOrder)),
            ),
            (
                &["1/12/2010", "2/12/2010", "3/12/2010"],
                Ok((Dmy, Evidence::Consecutive)),
            ),
            (
                &["12/1/2010", "12/2/2010", "12/3/2010"],
                Ok((Mdy, Evidence::Consecutive)),
            ),
            (
                &["2011-10-06", "2011-10-05"],
                Ok((Dmy, Evidence::OneReading)),
            ),
            (&["1/12/2010", "1/12/2010"], Err(Undecided::Ambiguous)),
            (&["3/4/2011", "5/6/2011"], Err(Undecided::Ambiguous)),
            (
                &["13/1/2010", "1/13/2010"],
                Err(Undecided::Contradictory { dmy: 2, mdy: 3 }),
            ),
        ] {
            assert_eq!(order(dates), expected, "{dates:?}");
        }
    }
}
