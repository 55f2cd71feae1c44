//! Whom a text message is from: a number of the account, or a name
//! (<https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>).

/// What a sender's text is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sender<'a> {
    /// A number or short code that the account owns: 5 to 14 digits.
    Number(&'a str),
    /// 1 to 11 letters and digits, and at least one letter.
    Name(&'a str),
}

impl<'a> Sender<'a> {
    /// # Errors
    /// What would be right.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if (5..=14).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Number(text));
        }
        let is_name = (1..=11).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
            && text.bytes().any(|b| b.is_ascii_alphabetic());
        if is_name {
            return Ok(Self::Name(text));
        }
        Err(format!(
            "`{}` is no sender: want a number of 5 to 14 digits, or 1 to 11 letters and digits with one letter at least",
            text.escape_debug()
        ))
    }
}
