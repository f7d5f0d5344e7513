//! The bytes of a file as text.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

/// Reads `bytes` as UTF-8, with or without a byte order mark, or else as Windows-1252, of which
/// Latin-1's printable characters are a part. Every byte string is a text in the latter.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
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
    fn a_pound_sign_is_one_in_either_encoding() {
        assert_eq!(decode(b"\xef\xbb\xbf\xc2\xa3 5"), "\u{a3} 5");
        assert_eq!(decode(b"\xa3 5"), "\u{a3} 5");
        assert_eq!(decode(b"plain"), "plain");
    }
}
