//! A request to a connection's thread, its answer, and the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use boutique_core::fault::Fault;
use tokio::sync::oneshot;

/// What a thread does for somebody who waits: run, then answer. `C` is what it works on.
pub(super) trait Job<C: ?Sized>: Send {
    /// Does the work and keeps the result; whether it succeeded. A panic counts as a
    /// permanent fault.
    fn run(&mut self, on: &C) -> bool;

    /// Whether it may fail after it has changed something, so that its changes must be able to
    /// be taken back by themselves.
    fn in_steps(&self) -> bool;

    /// Hands the result over.
    fn answer(self: Box<Self>);

    /// Hands a fault over, whatever the result was.
    fn fail(self: Box<Self>, fault: Fault);
}

/// A [`Job`] made of a closure and the sending half of a channel.
pub(super) struct Request<F, T, E> {
    work: Option<F>,
    in_steps: bool,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Request<F, T, E> {
    /// A request and where its answer arrives. `in_steps` if it may fail half-way.
    pub(super) fn new(work: F, in_steps: bool) -> (Box<Self>, oneshot::Receiver<Result<T, E>>) {
        let (reply, answer) = oneshot::channel();
        let request = Self {
            work: Some(work),
            in_steps,
            result: None,
            reply,
        };
        (Box::new(request), answer)
    }
}

impl<C, F, T, E> Job<C> for Request<F, T, E>
where
    F: FnOnce(&C) -> Result<T, E> + Send,
    T: Send,
    E: From<Fault> + Send,
{
    fn run(&mut self, on: &C) -> bool {
        if let Some(work) = self.work.take() {
            // What the panic may have left half changed is the job's own, or is rolled back.
            let result = catch_unwind(AssertUnwindSafe(|| work(on)));
            self.result = Some(result.unwrap_or_else(|_| {
                Err(Fault::permanent("the store failed inside a request, which was undone").into())
            }));
        }
        matches!(self.result, Some(Ok(_)))
    }

    fn in_steps(&self) -> bool {
        self.in_steps
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // Nobody waits any more: the request was dropped, what it did stays.
            let _ = self.reply.send(result);
        }
    }

    fn fail(self: Box<Self>, fault: Fault) {
        let _ = self.reply.send(Err(fault.into()));
    }
}
