//! Mail addresses with the names that are shown for them, as vendors want them in one text.

use crate::contract::Mailbox;

/// What RFC 5322, 3.2.3 allows in a word of a name without quotes, beside letters, digits and space.
const ATOM_SIGNS: &str = "!#$%&'*+-/=?^_`{|}~";

/// What would end the address, or begin another one, inside of a list (RFC 5322, 3.4). A local part in quotes may hold some of
/// them, and no vendor takes such a one.
const ADDRESS_ENDS: &str = "<>,;:()\"\\";

impl Mailbox {
    /// The address alone, or `Name <address>` (RFC 5322, 3.4), the name quoted where it has to be. Characters beyond ASCII stay
    /// as they are: the vendor encodes them.
    ///
    /// # Errors
    /// When the address holds a character with which it would be read as another one, or as two.
    pub fn name_addr(&self) -> Result<String, String> {
        let ends_it = |c: char| c.is_whitespace() || c.is_control() || ADDRESS_ENDS.contains(c);
        if self.address.is_empty() || self.address.contains(ends_it) {
            return Err(format!("`{}` cannot be written as one mail address: want it as a@example.com", self.address));
        }
        Ok(match self.name.as_deref().map(str::trim) {
            None | Some("") => self.address.clone(),
            Some(name) => format!("{} <{}>", phrase(name), self.address),
        })
    }

    /// The name as a quoted string (RFC 5322, 3.2.4), for a vendor that takes it apart from the address and writes it before one
    /// without a look. None where there is no name.
    pub fn quoted_name(&self) -> Option<String> {
        self.name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(quoted)
    }
}

fn phrase(name: &str) -> String {
    let is_plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || c == ' ' || ATOM_SIGNS.contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { quoted(name) }
}

fn quoted(name: &str) -> String {
    let escaped = name.chars().filter(|c| !c.is_control()).fold(String::new(), |mut escaped, c| {
        if matches!(c, '"' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    });
    format!("\"{escaped}\"")
}
