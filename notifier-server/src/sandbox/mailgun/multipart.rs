//! Strict reading of `multipart/form-data` (RFC 7578, over RFC 2046). What browsers and libraries let pass is an error
//! here: text before the first part, a missing end, parts without a name.

use bytes::Bytes;

/// One part of a form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content: Bytes,
}

/// Why a form is unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MultipartError {
    #[error("the content type has no boundary, or one that is not 1 to 70 characters long")]
    Boundary,
    #[error("the form does not begin with its boundary")]
    Start,
    #[error("the form does not end with its boundary and two hyphens")]
    End,
    #[error("the header of a part is not made of fields that a form has, or does not end")]
    Header,
    #[error("a part has no `Content-Disposition: form-data` with a name")]
    Disposition,
}

/// Reads all parts in order.
pub(super) fn read(body: &Bytes, content_type: &str) -> Result<Vec<Field>, MultipartError> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| (1..=70).contains(&boundary.len()));
    let delimiter = format!("\r\n--{}", boundary.ok_or(MultipartError::Boundary)?);
    let first = &delimiter.as_bytes()[2..];
    if !body.starts_with(first) {
        return Err(MultipartError::Start);
    }
    let mut fields = Vec::new();
    let mut rest = body.slice(first.len()..);
    loop {
        match &rest[..] {
            b"--" | b"--\r\n" => return Ok(fields),
            [b'\r', b'\n', ..] => rest = rest.slice(2..),
            _ => return Err(MultipartError::End),
        }
        let end = find(&rest, delimiter.as_bytes()).ok_or(MultipartError::End)?;
        fields.push(Field::read(&rest.slice(..end))?);
        rest = rest.slice(end + delimiter.len()..);
    }
}

impl Field {
    fn read(part: &Bytes) -> Result<Self, MultipartError> {
        let break_at = find(part, b"\r\n\r\n").ok_or(MultipartError::Header)?;
        let header = std::str::from_utf8(&part[..break_at]).map_err(|_| MultipartError::Header)?;
        let (mut disposition, mut content_type) = (None, None);
        for line in header.split("\r\n") {
            let (name, value) = line.split_once(':').ok_or(MultipartError::Header)?;
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" if disposition.is_none() => disposition = Some(value.trim()),
                "content-type" if content_type.is_none() => content_type = Some(value.trim().to_owned()),
                // Content as it is: RFC 7578, section 4.7, knows no other.
                "content-transfer-encoding" if ["7bit", "8bit", "binary"].contains(&value.trim()) => {}
                _ => return Err(MultipartError::Header),
            }
        }
        let disposition =
            disposition.filter(|value| value.split(';').next().is_some_and(|kind| kind.trim() == "form-data"));
        let disposition = disposition.ok_or(MultipartError::Disposition)?;
        let name = parameter(disposition, "name").filter(|name| !name.is_empty()).ok_or(MultipartError::Disposition)?;
        let filename = parameter(disposition, "filename");
        Ok(Self { name, filename, content_type, content: part.slice(break_at + 4..) })
    }
}

fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    within.windows(wanted.len()).position(|window| window == wanted)
}

/// A parameter of a header's value. In a quoted one, both ways of writing a quote are known: with a backslash (RFC
/// 2045), and as `%22` (section "Multipart form data" of WHATWG HTML).
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, behind) = rest.split_once('=')?;
        let (read, behind) = match behind.strip_prefix('"') {
            Some(quoted) => read_quoted(quoted)?,
            None => {
                let (token, behind) = behind.split_once(';').unwrap_or((behind, ""));
                (token.trim().to_owned(), behind)
            }
        };
        if name.trim().trim_start_matches(';').trim().eq_ignore_ascii_case(wanted) {
            return Some(read);
        }
        rest = behind;
    }
}

fn read_quoted(quoted: &str) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                let read = read.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
                return Some((read, &quoted[at + 1..]));
            }
            '\\' => read.push(characters.next()?.1),
            c => read.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"b 1\"";

    fn check(body: &str) -> Result<Vec<Field>, MultipartError> {
        read(&Bytes::from(body.to_owned()), TYPE)
    }

    #[test]
    fn parts_are_read_to_the_byte() {
        let fields = check(
            "--b 1\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nline 1\r\n--b\r\n\r\n--b 1\r\n\
             content-disposition: form-data; name=attachment; filename=\"a \\\"%22; x=y.txt\"\r\nContent-Type: text/plain\r\n\r\n\
             \r\n--b 1--\r\n",
        );
        let [text, file] = &fields.unwrap()[..] else { panic!() };
        assert_eq!((text.name.as_str(), &text.content[..]), ("text", &b"line 1\r\n--b\r\n"[..]));
        assert_eq!((file.filename.as_deref(), &file.content[..]), (Some("a \"\"; x=y.txt"), &b""[..]));
        assert_eq!(file.content_type.as_deref(), Some("text/plain"));
    }

    #[test]
    fn what_is_not_a_form_is_refused() {
        let part = "Content-Disposition: form-data; name=\"a\"\r\n\r\nx";
        for (body, expected) in [
            (String::new(), MultipartError::Start),
            (format!("preamble\r\n--b 1\r\n{part}\r\n--b 1--"), MultipartError::Start),
            (format!("--b 1\r\n{part}"), MultipartError::End),
            (format!("--b 1\r\n{part}\r\n--b 1"), MultipartError::End),
            (format!("--b 1\r\n{part}\r\n--b 1--\r\nepilogue"), MultipartError::End),
            ("--b 1\r\nContent-Disposition: form-data; name=\"a\"\r\n--b 1--".into(), MultipartError::Header),
            (format!("--b 1\r\nX-Own: y\r\n{part}\r\n--b 1--"), MultipartError::Header),
            ("--b 1\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b 1--".into(), MultipartError::Disposition),
            ("--b 1\r\nContent-Disposition: inline; name=a\r\n\r\nx\r\n--b 1--".into(), MultipartError::Disposition),
        ] {
            assert_eq!(check(&body), Err(expected), "{body}");
        }
        assert_eq!(read(&Bytes::new(), "multipart/form-data"), Err(MultipartError::Boundary));
    }
}
