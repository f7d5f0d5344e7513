//! Kubernetes' schemas, as a Python package carries them.

use std::io;
use std::path::PathBuf;

use crate::python;

/// The variable by which the tests learn where the program is.
pub(crate) const PROGRAM: &str = "KUBERNETES_VALIDATE";

/// Its version is that of the schemas.
const PACKAGE: &str = "kubernetes-validate==1.37.0";
/// Another one for another package.
const FOLDER: &str = "kubernetes-validate-1.37.0";

/// Installs the package, once, and says where its program is.
pub(crate) fn install() -> io::Result<PathBuf> {
    let python = python::environment(FOLDER, &[PACKAGE])?;
    Ok(python.with_file_name("kubernetes-validate"))
}
