//! What a server says: a code, an enhanced code where it gives one, and words.

use std::fmt;

/// One reply, of one line or several (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// Three digits, the first 2 to 5.
    pub(super) code: u16,
    /// The text of each line.
    pub(super) lines: Vec<String>,
}

/// One line of a reply: its code, whether it is the last, and its text.
pub(super) struct Line {
    pub(super) code: u16,
    pub(super) is_last: bool,
    pub(super) text: String,
}

impl Line {
    /// Reads a line without its end. Servers write texts in any character set: what is not UTF-8 is replaced, for the code is
    /// what counts, and an answer must not be lost over its words.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (digits, rest) = line.split_at_checked(3)?;
        let is_code = matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']);
        let code = std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_code)?;
        let (is_last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return None,
        };
        Some(Self { code, is_last, text: String::from_utf8_lossy(text).into_owned() })
    }
}

/// An enhanced status code (RFC 3463), without its class: that is the first digit of the reply's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Enhanced {
    pub(super) subject: u16,
    pub(super) detail: u16,
}

impl Reply {
    /// Whether it is of that class: 2 done, 3 go on, 4 not now, 5 no.
    pub(super) fn is_class(&self, class: u16) -> bool {
        self.code / 100 == class
    }

    /// Its enhanced code. One of another class than the code is not believed (RFC 2034 section 4).
    pub(super) fn enhanced(&self) -> Option<Enhanced> {
        let first = self.lines.first()?.split_whitespace().next()?;
        let is_number = |part: &&str| part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = first.split('.').map(|part| Some(part).filter(is_number)?.parse::<u16>().ok());
        let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
        let is_whole = parts.next().is_none() && class == self.code / 100;
        is_whole.then_some(Enhanced { subject, detail })
    }

    /// The code for people and statistics: `550`, or `550 5.1.1`.
    pub(super) fn codes(&self) -> String {
        match self.enhanced() {
            Some(Enhanced { subject, detail }) => format!("{} {}.{subject}.{detail}", self.code, self.code / 100),
            None => self.code.to_string(),
        }
    }

    /// Its words on one line, without control characters, of bounded length.
    pub(super) fn text(&self) -> String {
        let joined = self.lines.join(" ");
        let mut text: String =
            joined.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect();
        if joined.chars().nth(TEXT_CHARS_MAX).is_some() {
            text.push('…');
        }
        text.trim().to_owned()
    }

    /// The server's own name for a message that it took, where it says it in a way that is known:
    /// Postfix `2.0.0 Ok: queued as 4XyZ`, Exim `OK id=1abc-2`, Amazon SES `Ok 0102…-000000`.
    pub(super) fn queue_id(&self) -> Option<String> {
        let text = self.text();
        let lower = text.to_ascii_lowercase();
        let behind = |mark: &str| lower.find(mark).and_then(|at| text.get(at + mark.len()..)).map(str::to_owned);
        let alone =
            || text.strip_prefix("Ok ").filter(|rest| rest.len() >= 32 && !rest.contains(' ')).map(str::to_owned);
        let rest = behind("queued as ").or_else(|| behind(" id=")).or_else(alone)?;
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let id: String = rest.chars().take_while(|c| is_id(*c)).collect();
        let id = id.trim_end_matches('.');
        (!id.is_empty() && id.len() <= 128).then(|| id.to_owned())
    }
}

/// More of a server's words than this nobody reads.
const TEXT_CHARS_MAX: usize = 300;

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply { code, lines: vec![text.to_owned()] }
    }

    #[test]
    fn lines() {
        type Parsed<'a> = Option<(u16, bool, &'a str)>;
        let cases: [(&[u8], Parsed<'_>); 14] = [
            (b"250 Ok", Some((250, true, "Ok"))),
            (b"250-first", Some((250, false, "first"))),
            (b"250", Some((250, true, ""))),
            (b"250-", Some((250, false, ""))),
            (b"354  two", Some((354, true, " two"))),
            (b"550 Empf\xe4nger", Some((550, true, "Empf\u{fffd}nger"))),
            (b"", None),
            (b"25", None),
            (b"2500 Ok", None),
            (b"150 early", None),
            (b"650 late", None),
            (b"2a0 Ok", None),
            (b"+OK POP3 ready", None),
            (b"HTTP/1.1 400 Bad Request", None),
        ];
        for (line, expected) in cases {
            let parsed = Line::parse(line);
            let actual = parsed.as_ref().map(|line| (line.code, line.is_last, line.text.as_str()));
            assert_eq!(actual, expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn enhanced_codes() {
        let cases = [
            (550, "5.1.1 no such user", Some((1, 1))),
            (421, "4.7.28 too many", Some((7, 28))),
            (250, "2.0.0", Some((0, 0))),
            (550, "5.7.509", Some((7, 509))),
            (550, "4.1.1 of another class", None),
            (550, "5.1 short", None),
            (550, "5.1.1.1 long", None),
            (550, "5.1.1: no", None),
            (550, "5.1234.1 large", None),
            (550, "no such user 5.1.1", None),
            (550, "5.+1.1", None),
            (550, "", None),
        ];
        for (code, text, expected) in cases {
            let actual = reply(code, text).enhanced().map(|code| (code.subject, code.detail));
            assert_eq!(actual, expected, "{code} {text}");
        }
        assert_eq!(reply(550, "5.1.1 no such user").codes(), "550 5.1.1");
        assert_eq!(reply(550, "no such user").codes(), "550");
    }

    #[test]
    fn words_are_one_short_line() {
        let text = Reply { code: 550, lines: vec!["a\tb\u{1b}[31m".into(), "c".into()] }.text();
        assert_eq!(text, "a b [31m c");
        assert_eq!(reply(550, &"é".repeat(301)).text().chars().count(), 301);
        assert!(reply(550, &"é".repeat(301)).text().ends_with("é…"));
        assert!(reply(550, &"é".repeat(300)).text().ends_with("éé"));
    }

    #[test]
    fn queue_ids() {
        let cases = [
            ("2.0.0 Ok: queued as 4XyZ1b2c3dz4k", Some("4XyZ1b2c3dz4k")),
            ("2.0.0 Ok: queued as D3B1A1F2.", Some("D3B1A1F2")),
            ("OK id=1rZbC3-0000Ab-2Y", Some("1rZbC3-0000Ab-2Y")),
            (
                "Ok 010001890abcdef0-12345678-1234-1234-1234-123456789abc-000000",
                Some("010001890abcdef0-12345678-1234-1234-1234-123456789abc-000000"),
            ),
            ("Ok thank you very much for the message, it is safe", None),
            ("2.6.0 <key@example.com> [InternalId=7, Hostname=h] Queued mail for delivery", None),
            ("Message accepted", None),
            ("queued as ", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(reply(250, text).queue_id().as_deref(), expected, "{text}");
        }
    }
}
