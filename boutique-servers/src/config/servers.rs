//! The configuration of each server.

use std::path::PathBuf;

use boutique_core::checkout::DependencyPolicy;
use boutique_core::stock::StockSystem;
use url::Url;

use super::groups::{
    Background, CheckoutPolicy, Common, EdgeConfig, Jwt, Push, PushSigning, Rates, Store,
};
use super::table as t;
use super::{Asked, Broker, Configured, Program, Reader, Server, StoreUrl};

/// The gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// What every server has.
    pub common: Common,
    /// Whose tokens it accepts.
    pub jwt: Jwt,
    /// Limits beside those of the routes.
    pub rates: Rates,
    /// Where the checkout is.
    pub checkout: Url,
    /// Where order management is.
    pub oms: Url,
    /// How it asks them.
    pub edge: EdgeConfig,
    /// The folder of all servers' files, if it is to audit them.
    pub audit: Option<PathBuf>,
}

impl Configured for GatewayConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(reader),
            jwt: Jwt::read(reader),
            rates: Rates::read(reader),
            checkout: reader.url(&t::CHECKOUT_URL),
            oms: reader.url(&t::OMS_URL),
            edge: EdgeConfig::read(reader),
            audit: reader.text(&t::AUDIT_DATA).map(PathBuf::from),
        }
    }
}

/// The checkout.
#[derive(Clone, Debug)]
pub struct CheckoutConfig {
    /// What every server has.
    pub common: Common,
    /// Where records, carts and events are kept.
    pub store: Store,
    /// What it decides by.
    pub policy: CheckoutPolicy,
    /// The folder of the data warehouse, if it has one.
    pub warehouse_files: Option<PathBuf>,
    /// Recovery and relay.
    pub background: Background,
    /// Where the CRM is.
    pub crm: Url,
    /// Where the stock system of parcels is.
    pub inventory: Url,
    /// Where the stock system of bulky goods is.
    pub furniture: Url,
    /// Where the fraud engine is.
    pub fraud: Url,
    /// Where events are pushed to, unless a managed broker does it.
    pub oms: Url,
    /// What events travel by.
    pub broker: Broker,
    /// How pushes are signed, if they are.
    pub push: Option<PushSigning>,
    /// How it asks them.
    pub edge: EdgeConfig,
}

impl Configured for CheckoutConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let broker = Broker::read(reader);
        let warehouse_files = warehouse_files(reader, &broker);
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            warehouse_files,
            policy: CheckoutPolicy::read(reader),
            background: Background::read(reader),
            crm: reader.url(&t::CRM_URL),
            inventory: reader.url(&t::INVENTORY_URL),
            furniture: reader.url(&t::FURNITURE_URL),
            fraud: reader.url(&t::FRAUD_URL),
            oms: reader.url(&t::OMS_URL),
            broker,
            push: PushSigning::read(reader),
            edge: EdgeConfig::read(reader),
        }
    }
}

/// The CRM.
#[derive(Clone, Debug)]
pub struct CrmConfig {
    /// What every server has.
    pub common: Common,
    /// Where customers are kept.
    pub store: Store,
}

impl Configured for CrmConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
        }
    }
}

/// One of the stock systems.
#[derive(Clone, Debug)]
pub struct StockConfig {
    /// What every server has.
    pub common: Common,
    /// Which one.
    pub system: StockSystem,
    /// Where the ledger is kept.
    pub store: Store,
    /// Units of every product a new ledger starts with.
    pub opening_stock: u64,
    /// How often holds that have lapsed are swept.
    pub background: Background,
}

impl Configured for StockConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(reader),
            system: match reader.server() {
                Server::Furniture => StockSystem::Furniture,
                _ => StockSystem::Inventory,
            },
            store: Store::read(reader),
            opening_stock: reader.count(&t::OPENING_STOCK),
            background: Background::read(reader),
        }
    }
}

/// The fraud engine.
#[derive(Clone, Debug)]
pub struct FraudConfig {
    /// What every server has.
    pub common: Common,
    /// Where signals are kept.
    pub store: Store,
    /// How often old signals are forgotten.
    pub background: Background,
}

impl Configured for FraudConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            background: Background::read(reader),
        }
    }
}

/// Order management.
#[derive(Clone, Debug)]
pub struct OmsConfig {
    /// What every server has.
    pub common: Common,
    /// Where orders are kept.
    pub store: Store,
    /// What drives stuck orders on.
    pub background: Background,
    /// What events travel by.
    pub broker: Broker,
    /// Whose pushes it accepts; anybody's if `None`.
    pub push: Option<Push>,
    /// Where accounting is.
    pub accounting: Url,
    /// Where the warehouse is.
    pub warehouse: Url,
    /// How it asks them.
    pub edge: EdgeConfig,
}

impl Configured for OmsConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let (broker, push) = (Broker::read(reader), Push::read(reader));
        if broker.pubsub().is_some() && push.as_ref().is_some_and(|it| it.key.is_some()) {
            reader.error("PUSH_KEY and BROKER=pubsub exclude each other: with PUSH_KEY order management believes our own servers and not Google; unset PUSH_KEY");
        }
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            background: Background::read(reader),
            broker,
            push,
            accounting: reader.url(&t::ACCOUNTING_URL),
            warehouse: reader.url(&t::WAREHOUSE_URL),
            edge: EdgeConfig::read(reader),
        }
    }
}

/// Accounting.
#[derive(Clone, Debug)]
pub struct AccountingConfig {
    /// What every server has.
    pub common: Common,
    /// Where the journal is kept.
    pub store: Store,
    /// Where the CRM is.
    pub crm: Url,
    /// How it asks it.
    pub edge: EdgeConfig,
}

impl Configured for AccountingConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            crm: reader.url(&t::CRM_URL),
            edge: EdgeConfig::read(reader),
        }
    }
}

/// The warehouse.
#[derive(Clone, Debug)]
pub struct WarehouseConfig {
    /// What every server has.
    pub common: Common,
    /// Where shipments, and reports of them, are kept.
    pub store: Store,
    /// The folder of the data warehouse, if it has one.
    pub warehouse_files: Option<PathBuf>,
    /// Its duties and the relay of its reports.
    pub background: Background,
    /// Where the stock system of parcels is.
    pub inventory: Url,
    /// Where the stock system of bulky goods is.
    pub furniture: Url,
    /// Where reports are pushed to, unless a managed broker does it.
    pub oms: Url,
    /// What events travel by.
    pub broker: Broker,
    /// How pushes are signed, if they are.
    pub push: Option<PushSigning>,
    /// How it asks them.
    pub edge: EdgeConfig,
}

impl Configured for WarehouseConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        let broker = Broker::read(reader);
        let warehouse_files = warehouse_files(reader, &broker);
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            warehouse_files,
            background: Background::read(reader),
            inventory: reader.url(&t::INVENTORY_URL),
            furniture: reader.url(&t::FURNITURE_URL),
            oms: reader.url(&t::OMS_URL),
            broker,
            push: PushSigning::read(reader),
            edge: EdgeConfig::read(reader),
        }
    }
}

/// Everything in one process, behind the gateway on one port.
#[derive(Clone, Debug)]
pub struct UpConfig {
    /// What every server has; its port is the gateway's.
    pub common: Common,
    /// Where everything is kept.
    pub store: Store,
    /// The folder of the data warehouse, if it has one.
    pub warehouse_files: Option<PathBuf>,
    /// Whose tokens it accepts.
    pub jwt: Jwt,
    /// Limits beside those of the routes.
    pub rates: Rates,
    /// What the checkout decides by.
    pub policy: CheckoutPolicy,
    /// Recovery, relay, deliveries and duties.
    pub background: Background,
    /// Units of every product new stock systems start with.
    pub opening_stock: u64,
}

impl UpConfig {
    /// The data file, unless everything is in memory.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.store.url {
            StoreUrl::Sqlite(path) => Some(path.clone()),
            StoreUrl::Memory => None,
        }
    }
}

impl Configured for UpConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        if reader.text(&t::BROKER).is_some_and(|it| it == "pubsub") {
            reader.error("BROKER=pubsub is for servers that are processes of their own: run `boutique up --processes`, or unset BROKER");
        }
        Self {
            common: Common::read(reader),
            store: Store::read(reader),
            warehouse_files: reader.text(&t::WAREHOUSE).map(PathBuf::from),
            jwt: Jwt::read(reader),
            rates: Rates::read(reader),
            policy: CheckoutPolicy::read(reader),
            background: Background::read(reader),
            opening_stock: reader.count(&t::OPENING_STOCK),
        }
    }
}

/// The folder of the data warehouse of a server that publishes by `broker`.
fn warehouse_files(reader: &mut Reader<'_>, broker: &Broker) -> Option<PathBuf> {
    let folder = reader.text(&t::WAREHOUSE).map(PathBuf::from);
    if folder.is_some() && broker.pubsub().is_some() {
        reader.error(
            "WAREHOUSE is fed by the server's own broker: without that, let the managed broker's \
             subscriptions feed a managed data warehouse, and unset it",
        );
    }
    folder
}

/// Implements [`Program`]: the configuration, its store, whom it asks, and its broker if it has
/// one.
macro_rules! program {
    ($config:ty, $this:ident, $store:expr, [$($name:literal at $field:ident needed $needed:expr),*] $(, over $broker:ident)?) => {
        impl Program for $config {
            fn common(&self) -> &Common {
                &self.common
            }

            fn store(&self) -> Option<&Store> {
                let $this = self;
                let _ = $this;
                $store
            }

            fn asks(&self) -> Vec<Asked> {
                let $this = self;
                let _ = $this;
                let asks: Vec<Asked> = vec![$(Asked { name: $name, url: $this.$field.clone(), needed: $needed }),*];
                let managed = self.broker().is_some_and(|it| it.pubsub().is_some());
                // Who has a managed broker deliver does not ask order management.
                asks.into_iter().filter(|it| !managed || it.name != "oms").collect()
            }

            $(fn broker(&self) -> Option<&Broker> {
                Some(&self.$broker)
            })?
        }
    };
}

// Without the checkout the gateway still shows orders, without order management it still sells,
// and so on: what is not needed is told, and does not take a server out of rotation.
program!(GatewayConfig, it, None, ["checkout" at checkout needed false, "oms" at oms needed false]);
program!(CheckoutConfig, it, Some(&it.store), [
    "crm" at crm needed it.policy.policies.crm == DependencyPolicy::FailClosed,
    "inventory" at inventory needed false,
    "furniture" at furniture needed false,
    "fraud" at fraud needed it.policy.policies.fraud == DependencyPolicy::FailClosed,
    "oms" at oms needed false
], over broker);
program!(CrmConfig, it, Some(&it.store), []);
program!(StockConfig, it, Some(&it.store), []);
program!(FraudConfig, it, Some(&it.store), []);
program!(OmsConfig, it, Some(&it.store), [
    "accounting" at accounting needed false,
    "warehouse" at warehouse needed false
], over broker);
program!(AccountingConfig, it, Some(&it.store), ["crm" at crm needed false]);
program!(WarehouseConfig, it, Some(&it.store), [
    "inventory" at inventory needed false,
    "furniture" at furniture needed false,
    "oms" at oms needed false
], over broker);
program!(UpConfig, it, Some(&it.store), []);
