//! Order management.
