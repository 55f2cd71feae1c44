//! `multipart/form-data` (RFC 7578): bodies with files.

use std::fmt::Write;

/// Fields and files in the order given; a name may repeat.
#[derive(Clone, Debug, Default)]
pub struct Multipart(Vec<Part>);

#[derive(Clone, Debug)]
struct Part {
    head: String,
    body: Vec<u8>,
}

impl Multipart {
    /// No parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field of text.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        let head = format!("content-disposition: form-data; name=\"{}\"\r\n", quoted(name));
        self.0.push(Part { head, body: value.into().into_bytes() });
        self
    }

    /// Adds a field when there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a file. Its content type must not hold a line break, or it is left out.
    #[must_use]
    pub fn with_file(mut self, name: &str, filename: &str, content_type: &str, data: Vec<u8>) -> Self {
        let mut head =
            format!("content-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n", quoted(name), quoted(filename));
        if !content_type.contains(['\r', '\n']) {
            head.push_str(&format!("content-type: {content_type}\r\n"));
        }
        self.0.push(Part { head, body: data });
        self
    }

    pub(crate) fn into_body(self) -> (String, Vec<u8>) {
        let boundary = self.boundary();
        let size: usize = self.0.iter().map(|part| part.head.len() + part.body.len() + boundary.len() + 8).sum();
        let mut body = Vec::with_capacity(size + boundary.len() + 6);
        for part in self.0 {
            body.extend_from_slice(format!("--{boundary}\r\n{}\r\n", part.head).as_bytes());
            body.extend_from_slice(&part.body);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    /// A text that no part contains: found by counting, as a sandbox has no randomness, and so the same for the same parts.
    fn boundary(&self) -> String {
        let mut boundary = String::new();
        for number in 0u32.. {
            boundary.clear();
            let _ = write!(boundary, "notifier-part-{number:08}");
            if !self.0.iter().any(|part| contains(&part.body, boundary.as_bytes())) {
                break;
            }
        }
        boundary
    }
}

/// As browsers write names (HTML, section 4.10.21.8): quotes and line breaks percent-encoded, all else as it is.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_between_boundaries_that_none_of_them_contains() {
        let multipart = Multipart::new()
            .with("to", "a@example.com")
            .with_some("cc", None::<String>)
            .with("text", "Gr\u{fc}\u{df}e notifier-part-00000000")
            .with_file("attachment", "lease \"2\".pdf", "application/pdf", b"%PDF".to_vec());
        let (content_type, body) = multipart.into_body();
        assert_eq!(content_type, "multipart/form-data; boundary=notifier-part-00000001");
        let wanted = "--notifier-part-00000001\r\ncontent-disposition: form-data; name=\"to\"\r\n\r\na@example.com\r\n\
                      --notifier-part-00000001\r\ncontent-disposition: form-data; name=\"text\"\r\n\r\n\
                      Gr\u{fc}\u{df}e notifier-part-00000000\r\n\
                      --notifier-part-00000001\r\ncontent-disposition: form-data; name=\"attachment\"; \
                      filename=\"lease %222%22.pdf\"\r\ncontent-type: application/pdf\r\n\r\n%PDF\r\n\
                      --notifier-part-00000001--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), wanted);
    }
}
