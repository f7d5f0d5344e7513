//! What DataFusion reports, as failures of the program.

use boutique_core::fault::Fault;
use datafusion::error::DataFusionError as Error;

use crate::exit::Failure;

/// Why a query has no answer. What is wrong with the query is told in DataFusion's words; what
/// went wrong while it ran is not, for those may quote what is in the tables.
pub(super) fn failure(error: &Error) -> Failure {
    let root = error.find_root();
    let text = root.strip_backtrace();
    match root {
        Error::SQL(..)
        | Error::Plan(_)
        | Error::SchemaError(..)
        | Error::NotImplemented(_)
        | Error::Configuration(_)
        | Error::Diagnostic(..)
        | Error::Collection(_) => Failure::Input(text),
        Error::Execution(_) | Error::ArrowError(..) => Failure::Input(
            "the query cannot be computed: a value cannot be converted, divided by or added up; \
             TRY_CAST has no value where CAST fails"
                .to_owned(),
        ),
        Error::ResourcesExhausted(_) => Failure::Input(
            "the query needs more memory than it may have: ask for fewer rows or columns"
                .to_owned(),
        ),
        Error::IoError(_) | Error::ObjectStore(_) | Error::ParquetError(_) => Failure::Fault(
            Fault::unavailable("a file of the data warehouse cannot be read").because(text),
        ),
        _ => Failure::Fault(Fault::permanent("the query engine failed")),
    }
}
