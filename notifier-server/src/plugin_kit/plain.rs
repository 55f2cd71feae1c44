//! Text of components and vendors, made fit to be shown: it must not steer a terminal, look like another line or another word, or
//! go on without end.

/// On one line, and of at most that many characters.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    cut(visible(text).map(|c| if is_plain(c) { c } else { ' ' }), chars_max)
}

/// As [`line()`], but for its line breaks.
pub(super) fn lines(text: &str, chars_max: usize) -> String {
    cut(visible(text).map(|c| if is_plain(c) || c == '\n' { c } else { ' ' }), chars_max)
}

/// Whether the text would be shown as it is.
pub(super) fn is_line(text: &str, chars_max: usize) -> bool {
    text.chars().all(|c| is_plain(c) && !is_invisible(c)) && text.chars().count() <= chars_max
}

/// Whether it is a name that nobody takes for another: letters of other alphabets look like those of this one, and a space looks
/// like its end.
pub(super) fn is_word(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.len() <= chars_max && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !is_invisible(*c))
}

/// Characters without a shape of their own, behind which two texts that are shown alike can differ: soft hyphens, joiners and
/// spaces without width (Unicode Standard, section 23.2), and tags, which can spell whole sentences (section 23.9).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{e0000}'..='\u{e007f}')
}

/// Neither a control character nor one of those that turn the direction of what stands around them, which make one text look like
/// another (Unicode Standard Annex 9, section 2), nor a line break by another name.
fn is_plain(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}'))
}

fn cut(mut chars: impl Iterator<Item = char>, chars_max: usize) -> String {
    let mut shown: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_and_nothing_is_endless() {
        assert_eq!(line("SMS\u{1b}[2J \u{9b}31m\u{7f} through\r\nAcme", 80), "SMS [2J  31m  through  Acme");
        assert_eq!(line("api.\u{202e}elpmaxe\u{2028}x", 80), "api. elpmaxe x");
        assert_eq!(lines("one\ntwo\u{8}", 80), "one\ntwo ");
        assert_eq!((line("äöü", 3), line("äöüß", 3)), ("äöü".to_owned(), "äöü…".to_owned()));
        assert!(is_line("שלום 🏠", 80) && !is_line("a\tb", 80) && !is_line("abc", 2));
    }

    #[test]
    fn what_cannot_be_seen_is_left_out() {
        for hidden in ["\u{ad}", "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{e0001}", "\u{e0041}\u{e007f}"] {
            let text = format!("API{hidden} token");
            for shown in [line(&text, 80), lines(&text, 80)] {
                assert_eq!(shown, "API token", "{hidden:?}");
            }
            assert!(!is_line(&text, 80), "{hidden:?}");
        }
        assert_eq!(line(&format!("{}abc", "\u{e0041}".repeat(1_000)), 3), "abc");
    }

    #[test]
    fn a_word_can_be_taken_for_no_other() {
        assert!(is_word("*.acme.example:443", 80) && is_word("abc", 3) && !is_word("abcd", 3));
        for other in ["", "a b", " ab", "a\n", "a\u{7f}", "\u{430}bc", "a\u{200b}", "ä"] {
            assert!(!is_word(other, 80), "{other:?}");
        }
    }
}
