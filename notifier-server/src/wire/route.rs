//! Which provider sends what.

use notifier_core::{Chain, Route};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RouteList {
    /// The routes: of those that fit a delivery, the first counts.
    pub(crate) items: Vec<RouteBody>,
}

/// For some deliveries of a channel, their providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteBody {
    /// The channel.
    #[schema(value_type = super::ChannelName)]
    pub(crate) channel: String,
    /// Only for this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// Only for this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<String>,
    /// Only for phone numbers that begin like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "+44")]
    pub(crate) prefix: Option<String>,
    /// Whether the providers are tried in order, or get their share by weight: `ordered` or `weighted`.
    #[schema(example = "ordered")]
    pub(crate) choice: String,
    /// The providers.
    pub(crate) providers: Vec<RouteProviderBody>,
}

/// A provider of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RouteProvider)]
pub(crate) struct RouteProviderBody {
    /// Its name.
    #[schema(example = "twilio")]
    pub(crate) name: String,
    /// Its share, where the route is weighted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 51)]
    pub(crate) weight: Option<u32>,
}

impl From<&Route> for RouteBody {
    fn from(route: &Route) -> Self {
        let (choice, providers) = match &route.chain {
            Chain::Ordered(names) => {
                let one =
                    |name: &notifier_core::ProviderName| RouteProviderBody { name: name.to_string(), weight: None };
                ("ordered", names.iter().map(one).collect())
            }
            Chain::Weighted(weights) => {
                let one = |(name, weight): &(notifier_core::ProviderName, u32)| RouteProviderBody {
                    name: name.to_string(),
                    weight: Some(*weight),
                };
                ("weighted", weights.iter().map(one).collect())
            }
        };
        Self {
            channel: route.channel.name().to_owned(),
            tenant: route.tenant.as_ref().map(ToString::to_string),
            category: route.category.as_ref().map(ToString::to_string),
            prefix: route.prefix.clone(),
            choice: choice.to_owned(),
            providers,
        }
    }
}
