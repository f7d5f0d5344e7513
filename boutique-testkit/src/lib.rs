//! boutique-testkit
