//! The runtime of a server.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime with `workers` threads, or one a core if that is zero. With one, requests are worked
/// on by the thread that waits for them: nothing is handed from one core to another.
///
/// # Errors
///
/// If the system gives no threads.
pub fn runtime(workers: usize) -> io::Result<Runtime> {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build()
}
