//! What a component has none of: allowed where there is a reason, which stands in the report.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use super::classes::Class;

/// Something that there is none of, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lack {
    pub(crate) what: Lacking,
    pub(crate) reason: String,
}

/// Of what there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Lacking {
    /// The file has no case that comes to it.
    Class(Class),
    /// On some channel, none of them arrives.
    Messages(Messages),
}

/// Messages of which some have to arrive on every channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Messages {
    /// Texts beyond ASCII
    OtherScripts,
    /// Texts as short as vendors of the channel take them
    OrdinarySizes,
}

impl Lacking {
    /// As it is written on the command line.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let class = Class::from_str(name, false).map(Self::Class);
        class.or_else(|_| Messages::from_str(name, false).map(Self::Messages)).ok()
    }

    /// All that can be written.
    pub(crate) fn names() -> Vec<String> {
        let classes = Class::value_variants().iter().map(ToString::to_string);
        classes.chain(Messages::value_variants().iter().map(ToString::to_string)).collect()
    }

    /// What is said of it in a report.
    pub(super) fn verdict(self) -> &'static str {
        match self {
            Self::Class(_) => "Not documented",
            Self::Messages(_) => "Not carried",
        }
    }
}

impl Messages {
    /// `silent` are the channels on which none of them arrived: there are none such, or there is a reason.
    pub(super) fn judge(self, silent: &[&str], lacks: &[Lack]) -> Result<(), String> {
        match (silent, lacks.iter().find(|lack| lack.what == Lacking::Messages(self))) {
            ([], Some(lack)) => Err(format!("it is said to be lacking, because {}; it arrives", lack.reason)),
            ([_, ..], None) => Err(format!(
                "none arrives on `{}`: send what the vendor takes, or say why it takes none with --lacks {self}=REASON",
                silent.join("`, `")
            )),
            ([], None) | ([_, ..], Some(_)) => Ok(()),
        }
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => class.fmt(f),
            Self::Messages(messages) => messages.fmt(f),
        }
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every value of it has a name: none is hidden.
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        let names = Lacking::names();
        assert!(names.contains(&"rejected-provider".to_owned()) && names.contains(&"other-scripts".to_owned()));
        for name in names {
            assert_eq!(Lacking::named(&name).map(|lacking| lacking.to_string()), Some(name));
        }
        assert_eq!(Lacking::named("scripts"), None);
    }

    #[test]
    fn some_arrive_everywhere_or_there_is_a_reason() {
        let lack = |what| Lack { what: Lacking::Messages(what), reason: "Acme takes ASCII".into() };
        let lacks = [lack(Messages::OtherScripts)];
        assert_eq!(Messages::OtherScripts.judge(&[], &[]), Ok(()));
        assert_eq!(Messages::OtherScripts.judge(&["sms"], &lacks), Ok(()));
        let told = Messages::OtherScripts.judge(&["sms", "chat"], &[]).unwrap_err();
        assert!(told.contains("`sms`, `chat`") && told.contains("--lacks other-scripts=REASON"), "{told}");
        let told = Messages::OtherScripts.judge(&[], &lacks).unwrap_err();
        assert_eq!(told, "it is said to be lacking, because Acme takes ASCII; it arrives");
        assert!(Messages::OrdinarySizes.judge(&["sms"], &lacks).is_err(), "that is another lack");
    }
}
