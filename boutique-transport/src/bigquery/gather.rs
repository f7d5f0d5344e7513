//! Rows that come one by one, written together.

use std::pin::pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::fault::{Fault, FaultKind};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a destination that is away is left alone; doubles up to the longest.
const REST_MIN: Duration = Duration::from_millis(250);
const REST_MAX: Duration = Duration::from_secs(16);

/// How long a request that is on its way is waited for at the end: one that is answered at all is
/// answered in less, and its rows need not come again.
const LAST: Duration = Duration::from_secs(2);

/// Where rows go.
#[async_trait]
pub(super) trait Append: Send + Sync + 'static {
    type Row: Clone + Send + Sync + 'static;

    /// Appends rows, all or none. A permanent fault is that of a row, others are of the
    /// destination.
    async fn append(&self, rows: &[Self::Row]) -> Result<(), Fault>;
}

/// Gathers rows while others are written, so that the next request has them all.
pub(super) struct Gather<A: Append> {
    destination: A,
    most: usize,
    waiting: Mutex<Vec<Waiting<A::Row>>>,
    writer: tokio::sync::Mutex<()>,
    stop: watch::Receiver<bool>,
    /// When it was first seen that it shall end: the last requests have this long together.
    ended: OnceLock<Instant>,
}

struct Waiting<R> {
    row: R,
    answer: oneshot::Sender<Result<(), Fault>>,
}

impl<A: Append> Gather<A> {
    /// Writes at most `most` rows at a time. While the destination is away it goes on trying
    /// until `stop` says so or is gone.
    pub(super) fn new(destination: A, most: usize, stop: watch::Receiver<bool>) -> Self {
        Self {
            destination,
            most,
            waiting: Mutex::default(),
            writer: tokio::sync::Mutex::new(()),
            stop,
            ended: OnceLock::new(),
        }
    }

    /// Writes `row`, which is durable when this returns. If it is dropped before, the row may
    /// or may not be written.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: permanent if the row is refused, unavailable if it was stopped; a request that
    /// was on its way then may have written it all the same.
    pub(super) async fn put(&self, row: A::Row) -> Result<(), Fault> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting().push(Waiting { row, answer });
        loop {
            let writer = tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| {
                    Err(Fault::ambiguous("whoever wrote the row was dropped"))
                }),
                writer = self.writer.lock() => writer,
            };
            // Without ours among them it is answered by now.
            let rows = self.take();
            self.write(rows).await;
            drop(writer);
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting<A::Row>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Waiting<A::Row>> {
        let mut waiting = self.waiting();
        // Nobody asks any more for those: they come again.
        waiting.retain(|it| !it.answer.is_closed());
        let most = self.most.min(waiting.len());
        waiting.drain(..most).collect()
    }

    /// Writes all of them; what holds a request up is found by halves.
    async fn write(&self, all: Vec<Waiting<A::Row>>) {
        let mut parts = vec![all];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let rows: Vec<A::Row> = part.iter().map(|it| it.row.clone()).collect();
            match self.insist(&rows).await {
                Err(fault) if fault.kind() == FaultKind::Permanent && part.len() > 1 => {
                    let other = part.split_off(part.len() / 2);
                    parts.extend([other, part]);
                }
                Err(fault) => {
                    let mut fault = Some(fault);
                    for it in part {
                        let again = || Fault::unavailable("the rows were not written");
                        let fault = fault.take().unwrap_or_else(again);
                        // Whoever is gone does not care.
                        let _ = it.answer.send(Err(fault));
                    }
                }
                Ok(()) => {
                    for it in part {
                        let _ = it.answer.send(Ok(()));
                    }
                }
            }
        }
    }

    /// Appends, again and again if the destination is away.
    async fn insist(&self, rows: &[A::Row]) -> Result<(), Fault> {
        let (mut stop, mut end) = (self.stop.clone(), self.stop.clone());
        let late = async {
            // Whoever is gone wants no more than whoever says so.
            let _ = end.wait_for(|it| *it).await;
            sleep_until(*self.ended.get_or_init(Instant::now) + LAST).await;
        };
        let mut late = pin!(late);
        let mut rest = REST_MIN;
        let text = "the rows were not written before the end";
        loop {
            let done = tokio::select! {
                biased;
                done = self.destination.append(rows) => done,
                // It may have them: they come again, as any may.
                () = &mut late => return Err(Fault::unavailable(text)),
            };
            let fault = match done {
                Err(fault) if fault.kind().is_transient() => fault,
                done => return done,
            };
            tokio::select! {
                biased;
                _ = stop.wait_for(|it| *it) => {
                    return Err(Fault::unavailable(text).because(fault));
                }
                () = sleep(rest) => rest = (rest * 2).min(REST_MAX),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::join_all;

    use super::*;

    /// Writes down requests; refuses those with a negative row, and is away at first.
    #[derive(Default)]
    struct Book {
        away: Mutex<u32>,
        requests: Mutex<Vec<Vec<i32>>>,
    }

    #[async_trait]
    impl Append for Arc<Book> {
        type Row = i32;

        async fn append(&self, rows: &[i32]) -> Result<(), Fault> {
            {
                let mut away = self.away.lock().expect("whole");
                if *away > 0 {
                    *away -= 1;
                    return Err(Fault::unavailable("away"));
                }
            }
            tokio::task::yield_now().await;
            if rows.iter().any(|it| *it < 0) {
                return Err(Fault::permanent("a row is refused"));
            }
            self.requests.lock().expect("whole").push(rows.to_vec());
            Ok(())
        }
    }

    fn gather(book: &Arc<Book>) -> (Gather<Arc<Book>>, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        (Gather::new(Arc::clone(book), 500, stopped), stop)
    }

    #[tokio::test]
    async fn what_comes_while_others_are_written_goes_in_one_request() {
        let book = Arc::new(Book::default());
        let (gather, _stop) = gather(&book);
        let all = join_all((0..100).map(|it| gather.put(it))).await;
        assert!(all.iter().all(Result::is_ok));
        let requests = book.requests.lock().expect("whole").clone();
        assert!(requests.len() < 10, "{}", requests.len());
        let mut rows = requests.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn only_the_rows_that_are_refused_are_not_written() {
        let book = Arc::new(Book::default());
        let (gather, _stop) = gather(&book);
        let rows: Vec<i32> = (0..64)
            .map(|it| if it % 20 == 7 { -it } else { it })
            .collect();
        let all = join_all(rows.iter().map(|it| gather.put(*it))).await;
        for (row, answer) in rows.iter().zip(all) {
            let kind = answer.err().map(|it| it.kind());
            assert_eq!(kind, (*row < 0).then_some(FaultKind::Permanent), "{row}");
        }
        let written = book.requests.lock().expect("whole").concat().len();
        assert_eq!(written, rows.iter().filter(|it| **it >= 0).count());
    }

    /// Takes rows and never answers.
    struct Silent;

    #[async_trait]
    impl Append for Silent {
        type Row = i32;

        async fn append(&self, _: &[i32]) -> Result<(), Fault> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_does_not_wait_for_who_does_not_answer() {
        let (stop, stopped) = watch::channel(false);
        let gather = Gather::new(Silent, 500, stopped);
        let (answer, _) = tokio::join!(gather.put(1), async { stop.send(true) });
        let kind = answer.expect_err("nobody answers").kind();
        assert_eq!(kind, FaultKind::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_at_the_end_is_finished() {
        let book = Arc::new(Book::default());
        let (gather, stop) = gather(&book);
        stop.send_replace(true);
        gather.put(1).await.expect("written");
        assert_eq!(*book.requests.lock().expect("whole"), [[1]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_is_away_is_waited_for_until_the_end() {
        let book = Arc::new(Book {
            away: Mutex::new(20),
            ..Book::default()
        });
        let (first, _stop) = gather(&book);
        first.put(1).await.expect("written in the end");
        *book.away.lock().expect("whole") = u32::MAX;
        let (second, stop) = gather(&book);
        let (answer, _) = tokio::join!(second.put(2), async { stop.send(true) });
        let kind = answer.expect_err("it is away").kind();
        assert_eq!(kind, FaultKind::Unavailable);
    }
}
