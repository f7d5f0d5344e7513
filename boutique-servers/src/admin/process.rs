//! What the process costs, as Prometheus' own clients name it.

use std::fmt::Write;
use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Writes processor time, memory and open files of this process.
pub(super) fn write(text: &mut String) {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(cpu.tv_nsec).unwrap_or_default();
    let _ = write!(
        text,
        "# HELP process_cpu_seconds_total Processor time, user and system.\n\
         # TYPE process_cpu_seconds_total counter\n\
         process_cpu_seconds_total {}.{nanos:09}\n",
        cpu.tv_sec
    );
    let mut gauge = |name: &str, help: &str, value: Option<u64>| {
        // Not every system has /proc.
        if let Some(value) = value {
            let _ = write!(
                text,
                "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
            );
        }
    };
    gauge(
        "process_resident_memory_bytes",
        "Memory that is resident.",
        resident(),
    );
    gauge(
        "process_open_fds",
        "Open files and sockets.",
        fs::read_dir("/proc/self/fd")
            .ok()
            .map(|it| it.count() as u64),
    );
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
