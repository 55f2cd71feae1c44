//! What a plugin implements, and how that becomes the component's exports.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::exports::notifier::provider::provider::Guest;
use crate::contract::*;
use crate::host;

/// One vendor: how it wants to be asked, what its answers mean, how to read its receipts.
pub trait Provider {
    /// The operator's settings. Missing and unknown fields are found before anything is sent; a plugin should
    /// `deny_unknown_fields`, so that a misspelt optional setting is reported and not ignored.
    type Settings: DeserializeOwned;

    /// Who this plugin is and what it needs. Constant: settings, secrets and clock are out of reach here.
    fn describe() -> Description;

    /// What is wrong with settings that have the right types, beyond what the schema says.
    fn check_settings(_settings: &Self::Settings) -> Vec<SettingProblem> {
        Vec::new()
    }

    /// One attempt to hand one message to the vendor.
    ///
    /// # Errors
    /// What the vendor's answer, or the lack of one, means for this message.
    fn send(settings: &Self::Settings, message: Message, context: Context) -> Result<Receipt, SendError>;

    /// Asks the vendor what came of an attempt without a clear answer. Sends nothing. [`Finding::NotFound`] has the message
    /// sent again: only a vendor that is sure may say it. Where the vendor cannot be asked, leave the default.
    fn look_up(_settings: &Self::Settings, _sought: Sought) -> Finding {
        Finding::Impossible
    }

    /// Reads what the vendor posted about earlier messages. Must verify the signature before it trusts a byte.
    ///
    /// # Errors
    /// [`ReceiveError::Unverified`] when the vendor did not send this, [`ReceiveError::Malformed`] when it cannot be
    /// read. Without receipts, leave the default.
    fn receive(_settings: &Self::Settings, _webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        Err(ReceiveError::Malformed("this provider has no receipts".into()))
    }
}

impl SettingProblem {
    /// What is wrong with a setting, and what would be right. `setting` is its path, as `from.address` or `tags[2]`.
    pub fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }
}

/// The component's exports for a [`Provider`].
#[derive(Debug)]
pub struct Exported<P>(PhantomData<P>);

impl<P: Provider> Guest for Exported<P> {
    fn describe() -> Description {
        P::describe()
    }

    fn check_settings() -> Result<(), Vec<SettingProblem>> {
        let settings = read_settings::<P::Settings>().map_err(|problem| vec![problem])?;
        match P::check_settings(&settings) {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems),
        }
    }

    fn send(message: Message, context: Context) -> Result<Receipt, SendError> {
        let settings =
            read_settings::<P::Settings>().map_err(|problem| SendError::provider(None, in_words(&problem)))?;
        P::send(&settings, message, context)
    }

    fn look_up(sought: Sought) -> Finding {
        match read_settings::<P::Settings>() {
            Ok(settings) => P::look_up(&settings, sought),
            Err(problem) => Finding::Unclear(Problem { code: None, message: in_words(&problem) }),
        }
    }

    fn receive(webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        // Without usable settings there is no key to verify with, so nothing that arrives can be believed.
        let settings =
            read_settings::<P::Settings>().map_err(|problem| ReceiveError::Unverified(in_words(&problem)))?;
        P::receive(&settings, webhook)
    }
}

fn read_settings<S: DeserializeOwned>() -> Result<S, SettingProblem> {
    let json = host::settings_json();
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let setting = if path == "." { String::new() } else { path };
        SettingProblem::new(setting, error.into_inner().to_string())
    })
}

fn in_words(problem: &SettingProblem) -> String {
    match problem.setting.as_str() {
        "" => format!("settings cannot be read: {}", problem.problem),
        setting => format!("setting `{setting}` cannot be read: {}", problem.problem),
    }
}

/// Makes a [`Provider`] the export of this component. Once per plugin, at the root of its crate.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::export::Exported<$provider>;
    $crate::export::bindings::export_world!(Exported with_types_in $crate::export::bindings);
        };
    };
}
