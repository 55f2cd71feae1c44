//! Mailboxes as SES takes them: ASCII only, the domain in Punycode, the name as encoded words
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>).

use std::fmt::{self, Write};

use email_encoding::headers::quoted_string;
use email_encoding::headers::writer::EmailWriter;
use notifier_plugin_sdk::{Mailbox, mail_header};

/// A mailbox whose address is ASCII, and whose name may be anything.
#[derive(Debug)]
pub(crate) struct AsciiMailbox<'a> {
    pub(crate) address: String,
    name: Option<&'a str>,
}

impl<'a> AsciiMailbox<'a> {
    /// # Errors
    /// Why SES could not take the address, in words that follow it.
    pub(crate) fn new(mailbox: &'a Mailbox) -> Result<Self, String> {
        let name = mailbox.name.as_deref().filter(|name| !name.is_empty());
        Ok(Self { address: to_ascii(&mailbox.address)?, name })
    }

    /// As it stands in a header, folded where the line would be too long.
    pub(crate) fn write(&self, writer: &mut EmailWriter<'_>) -> fmt::Result {
        let Some(name) = self.name else {
            return writer.folding().write_str(&self.address);
        };
        quoted_string::encode(name, writer)?;
        writer.space();
        write!(writer.folding(), "<{}>", self.address)
    }

    /// As it stands in a field of the API: on one line.
    pub(crate) fn to_field(&self) -> String {
        match self.name {
            Some(name) => format!("{} <{}>", mail_header::phrase(name), self.address),
            None => self.address.clone(),
        }
    }
}

/// Whether there are characters beyond ASCII before the `@`: SES has no SMTPUTF8 (RFC 6531), so there is no way to write them.
pub(crate) fn is_beyond_ses(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(local, _)| !local.is_ascii())
}

/// An address without characters beyond ASCII.
fn to_ascii(address: &str) -> Result<String, String> {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return Err("has no `@`".into());
    };
    if is_beyond_ses(address) {
        return Err("has characters beyond ASCII before the `@`, which SES does not take".into());
    }
    if domain.is_ascii() {
        return Ok(address.to_owned());
    }
    match idna::domain_to_ascii(domain) {
        Ok(domain) => Ok(format!("{local}@{domain}")),
        Err(_) => Err("has a domain that is no internationalized domain name (IDNA)".into()),
    }
}
