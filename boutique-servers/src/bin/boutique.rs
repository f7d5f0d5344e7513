//! The `boutique` program.
fn main() {}
