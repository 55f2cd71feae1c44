//! Where texts are cut.

use super::super::{Encoding, Encoding::Gsm7, Encoding::Ucs2, Segments};

#[test]
fn texts_are_cut_as_phone_networks_cut_them() {
    let a = |count: usize| "a".repeat(count);
    let cases: Vec<(&str, String, Encoding, usize, &[usize])> = vec![
        ("empty", String::new(), Gsm7, 0, &[]),
        ("one", a(1), Gsm7, 1, &[1]),
        ("full", a(160), Gsm7, 160, &[160]),
        ("one too many", a(161), Gsm7, 161, &[153, 8]),
        ("two full", a(306), Gsm7, 306, &[153, 153]),
        ("three", a(307), Gsm7, 307, &[153, 153, 1]),
        ("euro counts two", "€".to_owned(), Gsm7, 2, &[2]),
        ("euro fills", format!("{}€", a(158)), Gsm7, 160, &[160]),
        ("euro overflows", format!("{}€", a(159)), Gsm7, 161, &[153, 8]),
        ("euro at the cut", format!("{}€{}", a(152), a(20)), Gsm7, 174, &[152, 22]),
        ("euro before the cut", format!("{}€{}", a(151), a(20)), Gsm7, 173, &[153, 20]),
        ("braces at both cuts", format!("{}{{{}}}{}", a(152), a(150), a(5)), Gsm7, 311, &[152, 152, 7]),
        ("only euros", "€".repeat(81), Gsm7, 162, &[152, 10]),
        ("extension table", "^{}\\[~]|€\u{c}".to_owned(), Gsm7, 20, &[20]),
        ("accents of the alphabet", "àèéìòùÄÖÑÜ§äöñüÅåÆæßØøÇ¿¡£¥¤ΔΦΓΛΩΠΨΣΘΞÉ".to_owned(), Gsm7, 39, &[39]),
        ("punctuation", "@$_ !\"#%&'()*+,-./:;<=>?\r\n".to_owned(), Gsm7, 26, &[26]),
        ("small c cedilla", "ç".to_owned(), Ucs2, 1, &[1]),
        ("large c cedilla", "Ç".to_owned(), Gsm7, 1, &[1]),
        ("backtick", "`".to_owned(), Ucs2, 1, &[1]),
        ("tab", "\t".to_owned(), Ucs2, 1, &[1]),
        ("escape itself", "\u{1b}".to_owned(), Ucs2, 1, &[1]),
        ("typographic apostrophe", "it’s".to_owned(), Ucs2, 4, &[4]),
        ("UCS-2 full", "ç".repeat(70), Ucs2, 70, &[70]),
        ("UCS-2 one too many", "ç".repeat(71), Ucs2, 71, &[67, 4]),
        ("UCS-2 two full", "ç".repeat(134), Ucs2, 134, &[67, 67]),
        ("one changes all", format!("{}ç", a(160)), Ucs2, 161, &[67, 67, 27]),
        ("extension counts one in UCS-2", format!("{}€", "ç".repeat(69)), Ucs2, 70, &[70]),
        ("emoji full", "😀".repeat(35), Ucs2, 70, &[70]),
        ("emoji are not split", "😀".repeat(36), Ucs2, 72, &[66, 6]),
        ("emoji at the cut", format!("{}😀{}", "ç".repeat(66), "ç".repeat(9)), Ucs2, 77, &[66, 11]),
    ];
    for (name, text, encoding, units, parts) in &cases {
        let segments = Segments::of(text);
        assert_eq!((segments.encoding, segments.units), (*encoding, *units), "{name}");
        let cut: Vec<_> = segments.parts(text).collect();
        assert_eq!(cut.iter().map(|part| encoding.units(part)).collect::<Vec<_>>(), *parts, "{name}");
        assert_eq!(segments.count(), parts.len(), "{name}");
        assert_eq!(cut.concat(), *text, "{name}");
    }
}

#[test]
fn the_room_per_segment_depends_on_their_number() {
    let room = |text: &str| Segments::of(text).units_per_segment();
    assert_eq!([room(&"a".repeat(160)), room(&"a".repeat(161))], [160, 153]);
    assert_eq!([room(&"ç".repeat(70)), room(&"ç".repeat(71))], [70, 67]);
}
