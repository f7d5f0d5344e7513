//! `boutique simulate`: the whole boutique through seeded disasters, in virtual time.

mod command;
mod print;

pub use command::SimulateArgs;
