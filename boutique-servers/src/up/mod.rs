//! `boutique up`: the whole boutique on one machine, in one process or in nine.

mod child;
mod plan;
mod processes;

pub use plan::{Planned, free_ports, plan};
pub use processes::{Processes, ready};
