//! `boutique up`: the whole boutique on one machine, in one process or in nine.

mod child;
mod plan;
mod processes;

pub use plan::{ADMIN_OFFSET, FIRST_PORT, Planned, SERVERS, free_ports, plan};
pub use processes::{Processes, ready};
