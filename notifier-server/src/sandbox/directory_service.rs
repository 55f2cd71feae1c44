//! The user database: `GET /users/{id}` with an `X-API-Key` answers who a person is and how to reach them.

use std::collections::HashMap;

use axum::Router;
use bytes::Bytes;
use serde::Serialize;

use super::{Faults, Inbox, Service, lookup::LookupService};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Opaque id.
    pub id: String,
    /// Email address.
    pub email: String,
    /// E.164 number.
    pub phone_number: String,
}

/// The service's routes over these records.
///
/// # Errors
///
/// When a record cannot be rendered as JSON.
pub(super) fn router(
    users: &[User],
    api_key: String,
    faults: Faults,
    inbox: Inbox,
) -> Result<Router, serde_json::Error> {
    let record = |record: &User| Ok((record.id.clone(), Bytes::from(serde_json::to_vec(record)?)));
    let records = users.iter().map(record).collect::<Result<HashMap<_, _>, serde_json::Error>>()?;
    let service =
        LookupService { service: Service::Directory, not_found: "User not found", api_key, records, faults, inbox };
    Ok(service.router("/users"))
}
