//! What becomes of rows, whatever happens to the disk.

mod crash;
mod disk;
mod generate;
mod property;
mod read;
