//! Servers with Google's Pub/Sub between them, which its emulator plays.

#[path = "../emulator/mod.rs"]
mod emulator;
#[path = "../nine/mod.rs"]
mod nine;
#[path = "../support/mod.rs"]
mod support;

mod processes;
mod refused;
