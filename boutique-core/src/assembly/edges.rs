//! The edges between systems: each is a service whose other end may be anywhere.

use tower::util::BoxCloneSyncService;

use crate::accounting::{Book, BookError, Booked};
use crate::broker::Push;
use crate::customer::{CustomerProfile, LookUpCustomer};
use crate::fault::Fault;
use crate::fraud::{Assess, RiskAssessment};
use crate::warehouse::{Fulfil, Fulfilled, ShipmentError};

/// Knows customers.
pub type CrmService = BoxCloneSyncService<LookUpCustomer, Option<CustomerProfile>, Fault>;
/// Scores fraud.
pub type FraudService = BoxCloneSyncService<Assess, RiskAssessment, Fault>;
/// Books.
pub type BookService = BoxCloneSyncService<Book, Booked, BookError>;
/// Sends goods and takes them back.
pub type FulfilService = BoxCloneSyncService<Fulfil, Fulfilled, ShipmentError>;
/// Takes deliveries of the broker in.
pub type PushService = BoxCloneSyncService<Push, (), Fault>;
