//! The property service: `GET /properties/{id}` with an `X-API-Key` answers what a property is and costs.

use std::collections::HashMap;

use axum::Router;
use bytes::Bytes;
use serde::Serialize;

use super::{Faults, Inbox, Service, lookup::LookupService};

/// A property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Property {
    /// Opaque id.
    pub id: String,
    /// Postal address.
    pub address: String,
    /// As `apartment`.
    pub property_type: String,
    /// In whole US dollars.
    pub price: u64,
}

/// The service's routes over these records.
///
/// # Errors
///
/// When a record cannot be rendered as JSON.
pub(super) fn router(
    properties: &[Property],
    api_key: String,
    faults: Faults,
    inbox: Inbox,
) -> Result<Router, serde_json::Error> {
    let record = |record: &Property| Ok((record.id.clone(), Bytes::from(serde_json::to_vec(record)?)));
    let records = properties.iter().map(record).collect::<Result<HashMap<_, _>, serde_json::Error>>()?;
    let service =
        LookupService { service: Service::Catalog, not_found: "Property not found", api_key, records, faults, inbox };
    Ok(service.router("/properties"))
}
