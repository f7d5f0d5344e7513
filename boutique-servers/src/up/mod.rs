//! `boutique up`: the whole boutique on one machine, in one process or in nine.

pub(crate) mod audit;
mod child;
mod command;
mod near;
mod plan;
mod processes;
mod single;

pub use command::UpArgs;
pub use plan::{Planned, free_ports, plan};
pub use processes::{Processes, ready};
pub use single::compose;
