//! The accept loop against clients that mean no good, byte by byte over real sockets.
#![cfg(feature = "http")]

#[cfg(unix)]
mod descriptors;
mod drain;
mod hostile;
mod limits;
mod support;
