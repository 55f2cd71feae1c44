//! How a text is cut into SMS segments, and so what it costs.
//!
//! The alphabet, its extension table and the escape are 3GPP TS 23.038, section 6.2.1; the room that a concatenation
//! header leaves (153 septets, 67 UTF-16 units) follows from 3GPP TS 23.040, section 9.2.3.24.1.

use serde::{Serialize, Serializer};

/// The alphabet that a whole text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table; a unit is a septet.
    Gsm7,
    /// UTF-16; a unit is 16 bits.
    Ucs2,
}

/// Where a text is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    /// One character outside GSM-7 turns the whole text into UCS-2.
    pub encoding: Encoding,
    /// Septets or UTF-16 units of the whole text.
    pub units: usize,
    /// End of each segment, as a byte offset into the text.
    ends: Vec<usize>,
}

impl Segments {
    /// Cuts a text as a phone network does. An empty text has no segment.
    ///
    /// An extension character (two septets) and a surrogate pair never span two segments, so that segments may be
    /// shorter than they could be.
    pub fn of(text: &str) -> Self {
        let gsm7_units = text.chars().try_fold(0, |sum, c| gsm7_septets(c).map(|septets| sum + septets));
        let (encoding, units) = match gsm7_units {
            Some(units) => (Encoding::Gsm7, units),
            None => (Encoding::Ucs2, text.chars().map(char::len_utf16).sum()),
        };
        let ends = match units {
            0 => Vec::new(),
            units if units <= encoding.units_alone() => vec![text.len()],
            _ => cut(text, encoding),
        };
        Self { encoding, units, ends }
    }

    /// Number of segments: what the vendor bills.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Units that fit in each of these segments.
    pub fn units_per_segment(&self) -> usize {
        if self.count() > 1 { self.encoding.units_joined() } else { self.encoding.units_alone() }
    }

    /// The pieces of the text that these segments were made of.
    pub fn parts<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).filter_map(move |(start, &end)| text.get(start..end))
    }
}

impl Encoding {
    /// The usual name, as vendors print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Units of a piece of text that is sent in this encoding.
    pub fn units(self, text: &str) -> usize {
        text.chars().map(|c| self.units_of(c)).sum()
    }

    fn units_of(self, c: char) -> usize {
        match self {
            Self::Gsm7 => gsm7_septets(c).unwrap_or(1),
            Self::Ucs2 => c.len_utf16(),
        }
    }

    const fn units_alone(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    const fn units_joined(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

fn cut(text: &str, encoding: Encoding) -> Vec<usize> {
    let mut ends = Vec::with_capacity(2);
    let mut used = 0;
    for (offset, c) in text.char_indices() {
        let units = encoding.units_of(c);
        if used + units > encoding.units_joined() {
            ends.push(offset);
            used = 0;
        }
        used += units;
    }
    ends.push(text.len());
    ends
}

/// Septets that a character takes in the GSM 7-bit default alphabet: two behind an escape, `None` if it has no place.
fn gsm7_septets(c: char) -> Option<usize> {
    match c {
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' | '\u{c}' => Some(2),
        '`' => None,
        '\n' | '\r' | ' '..='~' => Some(1),
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' | 'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π'
        | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' | 'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' | 'ä' | 'ö'
        | 'ñ' | 'ü' | 'à' => Some(1),
        _ => None,
    }
}
