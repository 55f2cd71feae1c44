//! What plugins say, made fit for logs, records and people.

/// At most that many characters, without control characters; line breaks become spaces.
pub(super) fn tidy(text: &str, chars_max: usize) -> String {
    let mut tidied: String = text
        .chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            c if c.is_control() => None,
            c => Some(c),
        })
        .take(chars_max + 1)
        .collect();
    if let Some((end, _)) = tidied.char_indices().nth(chars_max) {
        tidied.truncate(end);
        tidied.pop();
        tidied.push('…');
    }
    tidied
}

/// The text with email addresses and phone numbers taken out: logs are read by more people than messages.
pub(super) fn without_addresses(text: &str) -> String {
    let hide = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        word.contains('@') || word.contains("%40") || digits >= 7
    };
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', ',', ';', '"', '\'', '<', '>', '(', ')', '=', '&']) {
        match hide(word) {
            true => {
                shown.push_str("[address]");
                shown.extend(word.chars().next_back().filter(|c| !c.is_alphanumeric()));
            }
            false => shown.push_str(word),
        }
    }
    shown
}
