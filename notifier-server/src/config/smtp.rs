//! A mail server as a provider: `[providers.NAME.smtp]`.

use std::path::PathBuf;
use std::time::Duration;

use notifier_core::smtp::{SmtpMechanism, SmtpOptions, SmtpSecurity};

use super::reader::Section;
use super::sections::secret;
use super::{SmtpLogin, SmtpSettings};

/// Reads the section of a mail server.
pub(super) fn read_smtp(mut section: Section<'_>) -> SmtpSettings {
    let mut options = SmtpOptions::new(section.text("host"));
    let has_host = !options.host.is_empty();
    let port = section.optional_number("port", 1..=65_535);
    options.port = port.and_then(|port| u16::try_from(port).ok());
    let security =
        [("required", SmtpSecurity::Required), ("implicit", SmtpSecurity::Implicit), ("none", SmtpSecurity::None)];
    options.security = choice(&mut section, "tls", &security).unwrap_or(options.security);
    options.allow_plaintext = section.optional_flag("allow_plaintext").unwrap_or(options.allow_plaintext);
    options.hello_name = section.optional_text("hello_name");
    if let Some(count) = section.optional_number("connections_max", 1..=10_000) {
        options.connections_max = usize::try_from(count).unwrap_or(usize::MAX);
    }
    let mut wait = |key: &str, range, default: Duration| {
        section.optional_number(key, range).map_or(default, Duration::from_millis)
    };
    options.idle_timeout = wait("idle_timeout_ms", 0..=3_600_000, options.idle_timeout);
    options.connect_timeout = wait("connect_timeout_ms", 100..=600_000, options.connect_timeout);
    options.command_timeout = wait("command_timeout_ms", 100..=600_000, options.command_timeout);
    let login = read_login(&mut section);
    let root_certificates = section.optional_text("root_certificates").map(PathBuf::from);
    // A host that is missing was told already.
    if let Err(error) = options.check()
        && (has_host || error.setting != "host")
    {
        section.refuse(&error.setting, error.problem);
    }
    section.finish();
    SmtpSettings { options, login, root_certificates }
}

fn read_login(section: &mut Section<'_>) -> Option<SmtpLogin> {
    let mechanisms = [
        ("automatic", SmtpMechanism::Automatic),
        ("plain", SmtpMechanism::Plain),
        ("login", SmtpMechanism::Login),
        ("xoauth2", SmtpMechanism::Xoauth2),
    ];
    let mechanism = choice(section, "auth", &mechanisms);
    let username = section.optional_text("username");
    let password = section.optional_text("password");
    let has_password = password.is_some();
    let password = password.and_then(|text| secret(section, "password", text));
    match (username, password) {
        (Some(username), Some(password)) => {
            Some(SmtpLogin { username, password, mechanism: mechanism.unwrap_or(SmtpMechanism::Automatic) })
        }
        (None, Some(_)) => {
            section.refuse("username", "goes with `password`: give both or none");
            None
        }
        (Some(_), None) if !has_password => {
            section.refuse("password", "goes with `username`: give both or none");
            None
        }
        (None, None) if mechanism.is_some() && !has_password => {
            section.refuse("auth", "goes with `username` and `password`: without them nobody logs in");
            None
        }
        _ => None,
    }
}

/// One of a few words, if it is there.
fn choice<T: Copy>(section: &mut Section<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
    let text = section.optional_text(key)?;
    let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
    if chosen.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        section.refuse(key, format!("must be one of `{}`, not `{text}`", names.join("`, `")));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use notifier_core::smtp::SmtpSecurity;

    use super::super::{Component, Config, ConfigError, DEFAULT_TOML, SecretSource, SmtpSettings};
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        Config::load_over(Some(text), None, Some([].into())).map(|loaded| loaded.config)
    }

    fn smtp(text: &str) -> SmtpSettings {
        match load(&format!("[providers.mail.smtp]\n{text}")).unwrap().providers["mail"].component.clone() {
            Component::Smtp(settings) => *settings,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_host_is_enough() {
        let settings = smtp("host = \"smtp.example.com\"");
        assert_eq!(format!("{:?}", settings.options), format!("{:?}", SmtpOptions::new("smtp.example.com")));
        assert_eq!(settings.options.idle_timeout, Duration::from_secs(20));
        assert!(settings.login.is_none() && settings.root_certificates.is_none());
    }

    #[test]
    fn everything_can_be_said() {
        let settings = smtp(
            "host = \"10.0.0.7\"\nport = 2525\ntls = \"none\"\nallow_plaintext = true\nusername = \"ada\"\n\
             password = \"file:/run/secrets/smtp\"\nauth = \"xoauth2\"\nhello_name = \"n.example.com\"\n\
             connections_max = 3\nidle_timeout_ms = 0\nconnect_timeout_ms = 100\ncommand_timeout_ms = 200\n\
             root_certificates = \"ca.pem\"",
        );
        let options = &settings.options;
        assert_eq!((options.port(), options.security, options.allow_plaintext), (2_525, SmtpSecurity::None, true));
        assert_eq!((options.hello_name.as_deref(), options.connections_max), (Some("n.example.com"), 3));
        let milliseconds = [options.idle_timeout, options.connect_timeout, options.command_timeout];
        assert_eq!(milliseconds.map(|duration| duration.as_millis()), [0, 100, 200]);
        assert_eq!(settings.root_certificates, Some(PathBuf::from("ca.pem")));
        let login = settings.login.unwrap();
        assert_eq!((login.username.as_str(), login.mechanism), ("ada", SmtpMechanism::Xoauth2));
        assert!(matches!(login.password, SecretSource::Reference(text) if text == "file:/run/secrets/smtp"));
    }

    /// The example among the defaults says what is so without it.
    #[test]
    fn what_is_documented_can_be_said() {
        let (_, example) = DEFAULT_TOML.split_once("# [providers.mail.smtp]\n").unwrap();
        let example = example.lines().take_while(|line| !line.is_empty());
        let lines: Vec<&str> =
            example.filter_map(|line| line.strip_prefix("# ")).filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 13, "{lines:#?}");
        let settings = smtp(&lines.join("\n"));
        let said = SmtpOptions { hello_name: None, ..settings.options };
        assert_eq!(format!("{said:?}"), format!("{:?}", SmtpOptions::new("smtp.example.com")));
    }

    #[test]
    fn every_mistake_is_told_where_it_is() {
        let mail = |text: &str| format!("[providers.a.smtp]\nhost = \"h.example.com\"\n{text}");
        let cases = [
            ("[providers.a.smtp]\nport = 25".to_owned(), "providers.a.smtp.host"),
            ("[providers.a.smtp]\nhost = \"h.example.com:25\"".to_owned(), "providers.a.smtp.host"),
            (mail("port = 0"), "providers.a.smtp.port"),
            (mail("port = 65536"), "providers.a.smtp.port"),
            (mail("tls = \"starttls\""), "providers.a.smtp.tls"),
            (mail("tls = \"none\""), "providers.a.smtp.tls"),
            (mail("username = \"ada\""), "providers.a.smtp.password"),
            (mail("password = \"env:P\""), "providers.a.smtp.username"),
            (mail("username = \"ada\"\npassword = \"hunter2\""), "providers.a.smtp.password"),
            (mail("username = \"ada\"\npassword = \"env:P\"\nauth = \"cram-md5\""), "providers.a.smtp.auth"),
            (mail("auth = \"plain\""), "providers.a.smtp.auth"),
            (mail("hello_name = \"a b\""), "providers.a.smtp.hello_name"),
            (mail("connections_max = 0"), "providers.a.smtp.connections_max"),
            (mail("idle_timeout_ms = 3600001"), "providers.a.smtp.idle_timeout_ms"),
            (mail("connect_timeout_ms = 99"), "providers.a.smtp.connect_timeout_ms"),
            (mail("command_timeout_ms = 99"), "providers.a.smtp.command_timeout_ms"),
            (mail("starttls = true"), "providers.a.smtp.starttls"),
            (mail("[providers.a]\nplugin = \"twilio\""), "providers.a.plugin"),
            (mail("[providers.a]\ncomponent = \"x.wasm\""), "providers.a.component"),
            (mail("[providers.a]\nhosts = []"), "providers.a.hosts"),
            (mail("[providers.a]\nsecrets = { a = \"env:A\" }"), "providers.a.secrets"),
        ];
        for (text, key) in cases {
            let Err(ConfigError::Settings(errors)) = load(&text) else { panic!("{text}") };
            let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
            assert_eq!(keys, [key], "{text}: {errors:#?}");
            assert!(!format!("{errors:?}").contains("hunter2"));
        }
    }
}
