//! Tags in the letters that Resend takes.

use crate::tags::{decoded, encoded, fits, readable};

#[test]
fn what_is_encoded_fits_and_can_be_read_back() {
    let all_ascii: String = (1..=127_u8).map(char::from).filter(|c| !c.is_alphanumeric()).collect();
    for text in ["a", "key-1", "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email", "a_b", "_", "__2e", "Zoë 🏠", &all_ascii]
    {
        let tag = encoded(text).unwrap();
        assert!(fits(&tag), "{tag}");
        assert_eq!(decoded(&tag).as_deref(), Some(text), "{tag}");
    }
    assert_eq!(encoded("a.b_c").as_deref(), Some("a_2eb_5fc"));
}

#[test]
fn what_does_not_fit_is_left_out() {
    assert_eq!(encoded(&"a".repeat(256)).unwrap().len(), 256);
    for text in ["", &"a".repeat(257), &"_".repeat(86)] {
        assert_eq!(encoded(text), None, "{text}");
    }
    assert_eq!((readable(""), readable(&"a".repeat(257))), (None, None));
    assert_eq!(readable("Zoë's rent.v2").as_deref(), Some("Zo__s_rent_v2"));
}

#[test]
fn what_was_never_encoded_is_not_read() {
    for tag in ["", "_", "_2", "_zz", "a_", "_+1", "_c3", "_2ü"] {
        assert_eq!(decoded(tag), None, "{tag}");
    }
}
