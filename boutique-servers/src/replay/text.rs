//! The bytes of a file as text.

use std::borrow::Cow;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Reads `bytes` as UTF-8, with or without a byte order mark, as UTF-16 with one, or else as
/// Windows-1252, of which Latin-1's printable characters are a part. Every byte string is a text
/// in the latter.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    for (mark, encoding) in [(b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            return encoding.decode_without_bom_handling(rest).0;
        }
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pound_sign_is_one_in_every_encoding() {
        assert_eq!(decode(b"\xef\xbb\xbf\xc2\xa3 5"), "\u{a3} 5");
        assert_eq!(decode(b"\xa3 5"), "\u{a3} 5");
        assert_eq!(decode(b"\xff\xfe\xa3\0 \x005\0"), "\u{a3} 5");
        assert_eq!(decode(b"\xfe\xff\0\xa3\0 \x005"), "\u{a3} 5");
        assert_eq!(decode(b"plain"), "plain");
    }
}
