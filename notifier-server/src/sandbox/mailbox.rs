//! Addresses as vendors read them from text: `ana@example.com`, `Ana <ana@example.com>`, and lists of them.
//!
//! The grammar is RFC 5322's, section 3.4, without groups, comments and address literals, which the vendors either
//! refuse or do not document. Names may be Unicode, since vendors encode them on their own.

/// An address and the name shown for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// Characters that a name has to be quoted for (RFC 5322, section 3.2.3); a dot is let pass, as section 4.1 does.
const SPECIALS: [char; 12] = ['(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ',', '"'];

/// Reads one mailbox.
pub(super) fn parse(text: &str) -> Option<Mailbox> {
    let text = text.trim();
    let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
        return is_address(text).then(|| Mailbox { name: None, address: text.to_owned() });
    };
    let name = read_name(name.trim())?;
    is_address(address)
        .then(|| Mailbox { name: Some(name).filter(|name| !name.is_empty()), address: address.to_owned() })
}

/// Reads mailboxes between commas; at least one.
pub(super) fn parse_list(text: &str) -> Option<Vec<Mailbox>> {
    split(text).into_iter().map(parse).collect()
}

/// The pieces between commas that are not quoted.
pub(super) fn split(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|c| {
        let separates = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    })
    .collect()
}

fn read_name(name: &str) -> Option<String> {
    let Some(quoted) = name.strip_prefix('"') else {
        return (!name.contains(SPECIALS) && !name.contains(char::is_control)).then(|| name.to_owned());
    };
    let mut read = String::new();
    let mut characters = quoted.strip_suffix('"')?.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return None,
            '\\' => read.push(characters.next()?),
            c if c.is_control() => return None,
            c => read.push(c),
        }
    }
    Some(read)
}

/// What vendors take for an address: RFC 5321's mailbox without quoted names and address literals, and with a domain of
/// at least two labels.
pub(super) fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(|c| is_atext(c) && !c.is_control());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || (!c.is_ascii() && !c.is_control()))
    };
    (1..=64).contains(&local.len())
        && address.len() <= 254
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// Whether this is the name of a header: printable ASCII without the colon (RFC 5322, section 3.6.8).
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(name: Option<&str>, address: &str) -> Option<Mailbox> {
        Some(Mailbox { name: name.map(str::to_owned), address: address.to_owned() })
    }

    #[test]
    fn mailboxes_are_read() {
        for (text, expected) in [
            ("ana@example.com", mailbox(None, "ana@example.com")),
            ("<ana@example.com>", mailbox(None, "ana@example.com")),
            (" Ana B. Miller <ana@example.com> ", mailbox(Some("Ana B. Miller"), "ana@example.com")),
            (r#""Miller, Ana \"A\"" <ana@example.com>"#, mailbox(Some(r#"Miller, Ana "A""#), "ana@example.com")),
            ("Größe <ana@example.com>", mailbox(Some("Größe"), "ana@example.com")),
            ("Miller, Ana <ana@example.com>", None),
            ("Ana @ Home <ana@example.com>", None),
            ("\"Ana <ana@example.com>", None),
            ("\"A\" B\" <ana@example.com>", None),
            ("Ana <ana@example.com", None),
            ("Ana <>", None),
            ("ana", None),
            ("", None),
            ("Ana\r\nBcc: x <ana@example.com>", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_split_at_commas_that_are_not_quoted() {
        let list = parse_list(r#""Miller, A" <a@example.com>,b@example.com"#).unwrap();
        assert_eq!(list.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["a@example.com", "b@example.com"]);
        for broken in ["", "a@example.com,", "a@example.com b@example.com", ",a@example.com"] {
            assert_eq!(parse_list(broken), None, "{broken}");
        }
    }
}
