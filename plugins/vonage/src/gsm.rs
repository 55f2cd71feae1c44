//! Which texts fit the alphabet of GSM (3GPP TS 23.038, 6.2.1): they are sent as `text`, with 160 septets to a part. Others
//! are sent as `unicode`, with 70 UTF-16 code units
//! (<https://developer.vonage.com/en/messaging/sms/guides/concatenation-and-encoding>).

/// One septet each. The line feed and the carriage return are among them, the escape to the extension is not.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Two septets each. The page break is left out: Vonage does not list it.
const EXTENSION: &str = "^{}\\[~]|€";

/// Whether every character has a place in the alphabet.
pub(crate) fn fits(text: &str) -> bool {
    text.chars().all(|c| BASIC.contains(c) || EXTENSION.contains(c))
}

/// Whether it goes as one part. In longer texts each part has its own message id, and receipts.
pub(crate) fn fits_one_part(text: &str) -> bool {
    let septets = |c| if EXTENSION.contains(c) { 2 } else { 1 };
    if fits(text) { text.chars().map(septets).sum::<usize>() <= 160 } else { text.encode_utf16().count() <= 70 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_has_140_bytes() {
        let text = |c: char, count| std::iter::repeat_n(c, count).collect::<String>();
        for (c, most) in [('a', 160), ('é', 160), ('€', 80), ('я', 70), ('🏠', 35)] {
            assert!(fits_one_part(&text(c, most)), "{c}");
            assert!(!fits_one_part(&text(c, most + 1)), "{c}");
        }
        // One character beyond the alphabet makes all others larger.
        assert!(!fits_one_part(&format!("{}я", text('a', 70))));
    }

    #[test]
    fn the_alphabet_has_every_place_but_the_escape() {
        // 128 septets, of which one is the escape to the extension.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(BASIC.chars().collect::<std::collections::BTreeSet<_>>().len(), 127);
        assert_eq!(EXTENSION.chars().count(), 9);
        assert!(EXTENSION.chars().all(|c| !BASIC.contains(c)));
    }

    #[test]
    fn texts_that_fit() {
        for text in ["", "Bonjour monde", "This ^ That", "Größe: 12 € [neu]\r\n", "ÅÄÖ åäö ñ ¿Qué?", "ΔΦΓΛΩΠΨΣΘΞ"]
        {
            assert!(fits(text), "{text}");
        }
    }

    #[test]
    fn texts_that_do_not() {
        // The small ç is not in it, nor are typographic quotes, which word processors put in.
        for text in [
            "こんにちは世界",
            "ça",
            "“Due”",
            "It’s",
            "a – b",
            "…",
            "Привет",
            "مرحبا",
            "🏠",
            "ê",
            "á",
            "`",
            "\t",
            "\u{c}",
            "α",
            "\u{a0}",
        ] {
            assert!(!fits(text), "{text}");
        }
    }
}
