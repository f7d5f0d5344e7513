//! boutique-servers
