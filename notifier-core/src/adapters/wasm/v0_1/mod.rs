//! Version 0.1 of the contract, `notifier:provider@0.1.x`: its bindings, and the way from its types to the domain's.

mod convert;
mod imports;
#[cfg(any(test, feature = "testing"))]
pub(super) mod rehearsed;

use wasmtime::Store;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, HasSelf, Instance, InstancePre, Lift, Linker, Lower,
};

use super::call::{CallState, CalledAt};
use super::error::SettingProblem;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome};
use crate::ports::provider::{ReceiveError, Reported, SendContext, Sought, Webhook};

use bindings::notifier::provider::model as wit;
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
    send: ComponentExportIndex,
    receive: ComponentExportIndex,
    look_up: ComponentExportIndex,
}

impl Plugin {
    pub(super) fn new(linker: &Linker<CallState>, component: &Component) -> wasmtime::Result<Self> {
        let pre: InstancePre<CallState> = linker.instantiate_pre(component)?;
        let pre = ProviderPluginPre::new(pre)?;
        let interface = component.get_export_index(None, INTERFACE);
        let export = |name: &str| {
            let found = interface.as_ref().and_then(|interface| component.get_export_index(Some(interface), name));
            found.ok_or_else(|| wasmtime::Error::msg(format!("`{INTERFACE}` has no `{name}`")))
        };
        let (send, receive, look_up) = (export("send")?, export("receive")?, export("look-up")?);
        Ok(Self { pre, send, receive, look_up })
    }

    async fn instantiate(&self, store: &mut Store<CallState>) -> wasmtime::Result<Instance> {
        self.pre.instance_pre().instantiate_async(store).await
    }

    /// Asks an instance for the one function that is called: the types of each are compared, in a fresh instance anew. Those
    /// of all of them are when it is asked what it is.
    async fn call<P, R>(
        store: &mut Store<CallState>,
        instance: &Instance,
        export: &ComponentExportIndex,
        parameters: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + 'static,
    {
        let function = instance.get_typed_func::<P, (R,)>(&mut *store, export)?;
        Ok(function.call_async(store, parameters).await?.0)
    }

    async fn call_send(
        &self,
        store: &mut Store<CallState>,
        message: &wit::Message,
        context: &wit::Context,
    ) -> wasmtime::Result<Result<wit::Receipt, wit::SendError>> {
        let instance = self.instantiate(store).await?;
        Self::call(store, &instance, &self.send, (message, context)).await
    }

    async fn call_look_up(&self, store: &mut Store<CallState>, sought: &wit::Sought) -> wasmtime::Result<wit::Finding> {
        let instance = self.instantiate(store).await?;
        Self::call(store, &instance, &self.look_up, (sought,)).await
    }

    async fn call_receive(
        &self,
        store: &mut Store<CallState>,
        webhook: &wit::Webhook,
    ) -> wasmtime::Result<Result<Vec<wit::ReceiptEvent>, wit::ReceiveError>> {
        let instance = self.instantiate(store).await?;
        store.data_mut().called_at =
            Some(CalledAt { url: webhook.url.clone(), body: webhook.body.clone(), is_signed: false });
        Self::call(store, &instance, &self.receive, (webhook,)).await
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
        let context = convert::context(message, context);
        let message = convert::message(message);
        let result = self.call_send(store, &message, &context).await?;
        Ok(convert::outcome(result, &store.data().grants.keyring))
    }

    pub(super) async fn look_up(&self, store: &mut Store<CallState>, sought: &Sought) -> wasmtime::Result<LookUp> {
        let finding = self.call_look_up(store, &convert::sought(sought)).await?;
        Ok(convert::finding(finding, &store.data().grants.keyring))
    }

    pub(super) async fn receive(
        &self,
        store: &mut Store<CallState>,
        webhook: &Webhook,
    ) -> wasmtime::Result<Result<Reported, ReceiveError>> {
        let result = self.call_receive(store, &convert::webhook(webhook)).await?;
        let call = store.data();
        let is_url_signed = call.called_at.as_ref().is_some_and(|called_at| called_at.is_signed);
        Ok(convert::receipts(result, &call.grants.keyring).map(|events| Reported { events, is_url_signed }))
    }
}
