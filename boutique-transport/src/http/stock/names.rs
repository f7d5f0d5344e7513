//! What products are called. The ledger knows ids only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use boutique_core::catalog::Catalog;
use boutique_core::ids::ProductId;

/// How many products outside the catalog have their names kept.
const LISTED_MAX: usize = 10_000;

/// The longest name or brand, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// Names of products: those of the catalog, and those that were listed by a client, which are
/// kept as long as the process lasts, up to 10,000 of them. Every other product is called by
/// its id.
#[derive(Debug, Default)]
pub struct Names {
    catalog: Arc<Catalog>,
    listed: Mutex<BTreeMap<ProductId, Label>>,
}

/// What a client called a product.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub(super) name: Arc<str>,
    pub(super) brand: Option<Arc<str>>,
}

impl Names {
    /// The names in `catalog`.
    pub fn of(catalog: Arc<Catalog>) -> Self {
        Self {
            catalog,
            listed: Mutex::default(),
        }
    }

    /// The catalog they are from.
    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What the product is called.
    pub(super) fn label(&self, product_id: &ProductId) -> Label {
        if let Some(product) = self.catalog.get(product_id) {
            let name = Arc::clone(&product.name);
            return Label { name, brand: None };
        }
        let listed = self.listed().get(product_id).cloned();
        listed.unwrap_or_else(|| Label {
            name: product_id.as_str().into(),
            brand: None,
        })
    }

    /// Keeps what a client calls a product. A name of the catalog stays, and so does a brand
    /// that is not said again.
    pub(super) fn list(&self, product_id: &ProductId, name: &str, brand: Option<&str>) {
        if self.catalog.get(product_id).is_some() {
            return;
        }
        let mut listed = self.listed();
        if let Some(label) = listed.get_mut(product_id) {
            label.name = name.into();
            label.brand = brand.map(Arc::from).or_else(|| label.brand.take());
        } else if listed.len() < LISTED_MAX {
            let brand = brand.map(Arc::from);
            let name = name.into();
            listed.insert(product_id.clone(), Label { name, brand });
        }
    }

    fn listed(&self) -> MutexGuard<'_, BTreeMap<ProductId, Label>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `text` can be a name; says the rule if not.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let fits = !text.trim().is_empty()
        && text.len() <= NAME_BYTES_MAX
        && !text.chars().any(char::is_control);
    fits.then_some(())
        .ok_or("must be text of 1 to 200 bytes without control characters")
}
