//! A template's own layout: Block Kit (<https://docs.slack.dev/block-kit/>), as an array of blocks or as an object with `blocks`
//! and `attachments`. Only its outline is checked: what a block may hold changes with Slack, which says what is wrong with it.

use notifier_plugin_sdk::SendError;
use serde_json::{Map, Value};

/// "You can include up to 50 blocks in each message" (<https://docs.slack.dev/reference/block-kit/blocks>).
pub(crate) const BLOCKS_MAX: usize = 50;

/// "A maximum of 100 attachments are allowed on a message" (<https://docs.slack.dev/reference/methods/chat.postMessage>).
pub(crate) const ATTACHMENTS_MAX: usize = 100;

/// Blocks, and attachments below them.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) blocks: Vec<Value>,
    pub(crate) attachments: Vec<Value>,
}

impl Layout {
    /// Reads what a template made.
    ///
    /// # Errors
    /// What Slack would refuse, with the code that it has for it.
    pub(crate) fn read(json: &str) -> Result<Self, SendError> {
        let layout = match serde_json::from_str(json) {
            Ok(Value::Array(blocks)) => Self { blocks, attachments: Vec::new() },
            Ok(Value::Object(object)) => Self::of_object(object)?,
            Ok(_) => {
                return Err(malformed("the layout is neither an array of blocks nor an object with `blocks`".into()));
            }
            Err(error) => return Err(malformed(format!("the layout is not JSON: {error}"))),
        };
        layout.check()?;
        Ok(layout)
    }

    fn of_object(mut object: Map<String, Value>) -> Result<Self, SendError> {
        let mut array = |key: &str| match object.remove(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(malformed(format!("`{key}` of the layout is not an array"))),
        };
        let layout = Self { blocks: array("blocks")?, attachments: array("attachments")? };
        match object.keys().next() {
            Some(key) => {
                Err(malformed(format!("the layout has a key `{key}`: it may have `blocks` and `attachments` only")))
            }
            None => Ok(layout),
        }
    }

    fn check(&self) -> Result<(), SendError> {
        let (blocks, attachments) = (self.blocks.len(), self.attachments.len());
        if blocks > BLOCKS_MAX {
            let problem = format!("the layout has {blocks} blocks, Slack takes {BLOCKS_MAX}");
            return Err(SendError::message(Some("invalid_blocks"), problem));
        }
        if attachments > ATTACHMENTS_MAX {
            let problem = format!("the layout has {attachments} attachments, Slack takes {ATTACHMENTS_MAX}");
            return Err(SendError::message(Some("too_many_attachments"), problem));
        }
        if let Some(index) = self.blocks.iter().position(|block| !block.get("type").is_some_and(Value::is_string)) {
            return Err(malformed(format!("block {index} of the layout is not an object with a `type`")));
        }
        if let Some(index) = self.attachments.iter().position(|attachment| !attachment.is_object()) {
            return Err(malformed(format!("attachment {index} of the layout is not an object")));
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.attachments.is_empty()
    }
}

fn malformed(problem: String) -> SendError {
    SendError::message(Some("invalid_blocks_format"), problem)
}
