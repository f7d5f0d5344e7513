//! What systemd is told of a server, where it asks: that it is ready, that it ends, and as long
//! as it works, that it does (`Type=notify` and `WatchdogSec=` of
//! <https://www.freedesktop.org/software/systemd/man/systemd.service.html>).
//!
//! The watchdog is fed by what finds the server well and by nothing else: see [`Vital`]. A
//! server that is stuck is ended by systemd and started again, which is as safe as any crash.

mod vital;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use vital::{Stuck, Vital};

/// The server listens, and whoever waits for it may go on.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The server drains.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Looks again and again whether the server lives, and feeds the watchdog each time it does,
/// until `over`. Returns at once where systemd does not watch.
pub async fn feed(vital: Vital, over: CancellationToken) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|it| !it.is_zero()) else {
        return;
    };
    // A look that takes its whole time, after a pause, still feeds with half of it to spare.
    let share = patience / 4;
    let mut looks = interval(share);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            looks.tick().await;
            match vital.look(share).await {
                Ok(()) => tell(NotifyState::Watchdog),
                Err(stuck) => tracing::error!(%stuck, "the watchdog is not fed"),
            }
        }
    };
    over.run_until_cancelled(looking).await;
}

/// Where nobody supervises, nobody is told.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
