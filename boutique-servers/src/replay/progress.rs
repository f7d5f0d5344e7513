//! How far a replay has come, for whoever waits for it.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal, one line of JSON per step for a program, or nothing.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    /// Shows a bar if stderr is a terminal; `lines` writes JSON lines to stderr instead.
    pub(super) fn new(lines: bool) -> Self {
        let bar = if lines {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(0)
        };
        if let Ok(style) = ProgressStyle::with_template("{msg:>14} {wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self { bar, lines }
    }

    /// Begins a stage of `steps` steps.
    pub(super) fn begin(&self, stage: &'static str, steps: usize) {
        self.bar.reset();
        self.bar.set_length(steps as u64);
        self.bar.set_message(stage);
        self.bar.enable_steady_tick(Duration::from_millis(200));
        self.say(stage);
    }

    /// Notes that a step of `stage` is durably done.
    pub(super) fn step(&self, stage: &'static str) {
        self.bar.inc(1);
        self.say(stage);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, stage: &str) {
        if self.lines {
            // Whoever listened may have gone; the replay goes on.
            let _ = writeln!(std::io::stderr(), "{{\"stage\":\"{stage}\"}}");
        }
    }
}
