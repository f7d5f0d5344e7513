//! boutique-transport
