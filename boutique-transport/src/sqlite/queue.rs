//! Hands jobs to the threads that carry them out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

/// Jobs in the order they arrived.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    arrived: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    closed: bool,
    /// Threads that sleep and that nobody has woken yet; no fewer than there are.
    asleep: usize,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                closed: false,
                asleep: 0,
            }),
            arrived: Condvar::new(),
        }
    }
}

impl<J> Queue<J> {
    /// Puts a job at the end and wakes a thread, unless all are awake: each looks here before
    /// it sleeps, and a call to the system for everyone who asks would be most of the cost.
    pub(super) fn push(&self, job: J) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs.push_back(job);
        let wakes = state.asleep > 0;
        state.asleep -= usize::from(wakes);
        drop(state);
        if wakes {
            self.arrived.notify_one();
        }
    }

    /// Lets the threads go once the jobs that are here have been taken.
    pub(super) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        drop(state);
        self.arrived.notify_all();
    }

    /// Waits for jobs and moves what is here, at most `max`, into `into`. Answers `false` when
    /// the queue is closed and empty.
    pub(super) fn take(&self, into: &mut Vec<J>, max: usize) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state.asleep += 1;
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.jobs.len().min(max);
        into.extend(state.jobs.drain(..count));
        true
    }
}
