//! What the disk does: one page overwritten and synced, again and again.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const PAGE: usize = 4_096;
const PAGES: u64 = 1_024;

/// Overwrites of a preallocated 4 KiB page with `fdatasync` a second, looked at for `time`.
pub(crate) fn rate(directory: &Path, time: Duration) -> io::Result<f64> {
    let path = directory.join("probe");
    let mut file = File::create(&path)?;
    for _ in 0..PAGES {
        file.write_all(&[0; PAGE])?;
    }
    file.sync_all()?;
    let begun = Instant::now();
    let mut synced = 0;
    while begun.elapsed() < time {
        file.write_all_at(&[1; PAGE], synced % PAGES * PAGE as u64)?;
        file.sync_data()?;
        synced += 1;
    }
    let took = begun.elapsed();
    std::fs::remove_file(path)?;
    Ok(synced as f64 / took.as_secs_f64())
}
