//! Where settings come from, each source under the name that errors show.

use std::path::Path;

use config::{ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

/// Settings of one source, labelled with its name.
#[derive(Clone, Debug)]
pub(crate) struct Named(pub(crate) Map<String, Value>);

impl Named {
    /// Reads TOML.
    pub(crate) fn toml(name: &str, text: &str) -> Result<Self, ConfigError> {
        let parsed = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
        let parsed = parsed.map_err(|error| ConfigError::Message(format!("{name}: {error}")))?;
        let entries = parsed.cache.into_table()?;
        Ok(Self(entries.into_iter().map(|(key, value)| (key, label(name, value))).collect()))
    }

    /// Reads a file of TOML.
    pub(crate) fn file(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path);
        Self::toml(&name, &text.map_err(|error| ConfigError::Message(format!("{name}: {error}")))?)
    }
}

fn label(name: &str, value: Value) -> Value {
    let owned = name.to_owned();
    let kind = match value.kind {
        ValueKind::Table(entries) => {
            ValueKind::Table(entries.into_iter().map(|(key, value)| (key, label(name, value))).collect())
        }
        ValueKind::Array(items) => ValueKind::Array(items.into_iter().map(|item| label(name, item)).collect()),
        other => other,
    };
    Value::new(Some(&owned), kind)
}

impl Source for Named {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}
