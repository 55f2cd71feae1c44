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
    let text = without_spaced_numbers(text);
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

/// The text with numbers taken out that are written as people write phone numbers, as `+1 (415) 555-0101`.
fn without_spaced_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+' || is_opening(c)) {
        let (before, number) = rest.split_at(start);
        shown.push_str(before);
        let is_part_of_a_word = shown.chars().next_back().is_some_and(char::is_alphanumeric);
        let (length, digits) = measure(number);
        match digits >= 7 && !is_part_of_a_word {
            true => shown.push_str("[address]"),
            false => shown.push_str(&number[..length]),
        }
        rest = &number[length..];
    }
    shown + rest
}

/// How far a number goes from the start of the text, to its last digit, and how many digits it has. At least one character.
fn measure(text: &str) -> (usize, usize) {
    let mut length = text.chars().next().map_or(0, char::len_utf8);
    let (mut digits, mut separators) = (0, 0);
    for (at, c) in text.char_indices() {
        if c.is_ascii_digit() {
            (length, digits, separators) = (at + 1, digits + 1, 0);
        } else if at > 0 && (separators == 3 || !is_separator(c)) {
            break;
        } else {
            separators += 1;
        }
    }
    (length, digits)
}

fn is_opening(c: char) -> bool {
    matches!(c, '(' | '[')
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || is_opening(c) || matches!(c, ')' | ']' | '-' | '.' | '/' | '\u{2010}'..='\u{2015}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_out_however_they_are_written() {
        for number in [
            "+14155550101",
            "+1 415 555 0101",
            "+1-415-555-0101",
            "+1.415.555.0101",
            "+1 (415) 555-0101",
            "(415) 555-0101",
            "1 [415] 555 0101",
            "415\u{a0}555\u{2011}0101",
            "0044 20 7946 0958",
            "ana@example.com",
            "ana%40example.com",
        ] {
            assert_eq!(without_addresses(number), "[address]", "{number}");
            let shown = without_addresses(&format!("sent to {number}, code 21610"));
            assert_eq!(shown, "sent to [address], code 21610", "{number}");
        }
    }

    #[test]
    fn what_is_no_address_is_left() {
        for text in
            ["HTTP 503 after 12 ms", "attempt 2 of 20", "(none) + [1] - v1.2.3", "code=21610 retry (7 s)", "é + ü"]
        {
            assert_eq!(without_addresses(text), text);
        }
        assert_eq!(without_addresses("id SM00000000000000000000000000000001"), "id [address]");
    }
}
