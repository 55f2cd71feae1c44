//! Version 0.1 of the contract, `notifier:provider@0.1.x`: its bindings, and the way from its types to the domain's.

mod convert;
mod imports;
#[cfg(any(test, feature = "testing"))]
pub(super) mod rehearsed;

use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use super::call::{CallState, CalledAt};
use super::error::SettingProblem;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome};
use crate::ports::provider::{ReceiveError, Reported, SendContext, Sought, Webhook};

use bindings::{ProviderPlugin, ProviderPluginPre};

pub(super) use convert::Described;

/// Generated from the contract; nothing of it leaves this module.
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/provider.wit",
        world: "provider-plugin",
        imports: {
            "notifier:provider/http.send": async,
            "notifier:provider/verify.verify": async,
        },
        exports: { default: async },
    });
}

/// The exported interface that marks a component of this version.
pub(super) const INTERFACE: &str = "notifier:provider/provider@0.1.0";

/// Makes what the contract imports available to components.
pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    ProviderPlugin::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)
}

/// A component of this version, ready to be instantiated.
pub(super) struct Plugin {
    pre: ProviderPluginPre<CallState>,
}

impl Plugin {
    pub(super) fn new(linker: &Linker<CallState>, component: &Component) -> wasmtime::Result<Self> {
        let pre: InstancePre<CallState> = linker.instantiate_pre(component)?;
        Ok(Self { pre: ProviderPluginPre::new(pre)? })
    }

    pub(super) async fn describe(&self, store: &mut Store<CallState>) -> wasmtime::Result<Described> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        let description = plugin.notifier_provider_provider().call_describe(store).await?;
        Ok(convert::description(description))
    }

    pub(super) async fn check_settings(&self, store: &mut Store<CallState>) -> wasmtime::Result<Vec<SettingProblem>> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        let result = plugin.notifier_provider_provider().call_check_settings(store).await?;
        Ok(result.err().unwrap_or_default().into_iter().map(convert::setting_problem).collect())
    }

    pub(super) async fn send(
        &self,
        store: &mut Store<CallState>,
        message: &Message,
        context: &SendContext,
    ) -> wasmtime::Result<Outcome> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        let context = convert::context(message, context);
        let message = convert::message(message);
        let provider = plugin.notifier_provider_provider();
        let result = provider.call_send(&mut *store, &message, &context).await?;
        Ok(convert::outcome(result, &store.data().grants.keyring))
    }

    pub(super) async fn look_up(&self, store: &mut Store<CallState>, sought: &Sought) -> wasmtime::Result<LookUp> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        let sought = convert::sought(sought);
        let finding = plugin.notifier_provider_provider().call_look_up(&mut *store, &sought).await?;
        Ok(convert::finding(finding, &store.data().grants.keyring))
    }

    pub(super) async fn receive(
        &self,
        store: &mut Store<CallState>,
        webhook: &Webhook,
    ) -> wasmtime::Result<Result<Reported, ReceiveError>> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        store.data_mut().called_at =
            Some(CalledAt { url: webhook.url.clone(), body: webhook.body.clone(), is_signed: false });
        let webhook = convert::webhook(webhook);
        let result = plugin.notifier_provider_provider().call_receive(&mut *store, &webhook).await?;
        let call = store.data();
        let is_url_signed = call.called_at.as_ref().is_some_and(|called_at| called_at.is_signed);
        Ok(convert::receipts(result, &call.grants.keyring).map(|events| Reported { events, is_url_signed }))
    }
}
