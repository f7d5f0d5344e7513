//! Paths, read so that gateway and upstream can never read them differently.
//!
//! Nothing is normalised: a path that two readers could understand in two ways is refused
//! (RFC 3986 sections 2.4 and 6.2.2 say what readers do; section 7.3 why that is dangerous).

use std::borrow::Cow;

/// Why a path is refused, whatever routes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// `//`, which some readers take for `/`.
    #[error("an empty segment")]
    EmptySegment,
    /// `.` or `..`, plain or encoded, which some readers resolve.
    #[error("a dot segment")]
    DotSegment,
    /// `/` or `\` in a segment, plain or encoded.
    #[error("a separator within a segment")]
    Separator,
    /// `;`, which some readers cut off as a parameter.
    #[error("a semicolon")]
    Semicolon,
    /// A control character, plain or encoded.
    #[error("a control character")]
    Control,
    /// `%` without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("a malformed percent encoding")]
    Encoding,
    /// An encoded percent encoding, which some readers decode twice.
    #[error("a double percent encoding")]
    DoubleEncoding,
    /// A character that RFC 3986 does not allow in a path.
    #[error("a character that has to be percent-encoded")]
    Character,
}

/// What RFC 3986 calls unreserved.
const fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Checks `segment` as it is on the wire and decodes it.
pub(super) fn decode(segment: &str) -> Result<Cow<'_, str>, PathProblem> {
    let mut plain = true;
    for byte in segment.bytes() {
        match byte {
            b'%' => plain = false,
            b';' => return Err(PathProblem::Semicolon),
            b'\\' => return Err(PathProblem::Separator),
            0..=0x1f | 0x7f => return Err(PathProblem::Control),
            // The rest of `pchar`.
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' => {}
            byte if unreserved(byte) => {}
            _ => return Err(PathProblem::Character),
        }
    }
    let text = if plain {
        Cow::Borrowed(segment)
    } else {
        Cow::Owned(percent_decode(segment)?)
    };
    match &*text {
        "" => Err(PathProblem::EmptySegment),
        "." | ".." => Err(PathProblem::DotSegment),
        _ => Ok(text),
    }
}

fn percent_decode(segment: &str) -> Result<String, PathProblem> {
    let hex = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (high, low) = (bytes.next().and_then(hex), bytes.next().and_then(hex));
        let (Some(high), Some(low)) = (high, low) else {
            return Err(PathProblem::Encoding);
        };
        decoded.push(high << 4 | low);
    }
    let text = String::from_utf8(decoded).map_err(|_| PathProblem::Encoding)?;
    if text.contains(char::is_control) {
        return Err(PathProblem::Control);
    }
    if text.contains(['/', '\\']) {
        return Err(PathProblem::Separator);
    }
    if text.contains(';') {
        return Err(PathProblem::Semicolon);
    }
    let bytes = text.as_bytes();
    let encoded = |it: &[u8]| it[0] == b'%' && hex(it[1]).is_some() && hex(it[2]).is_some();
    if bytes.windows(3).any(encoded) {
        return Err(PathProblem::DoubleEncoding);
    }
    Ok(text)
}

/// Writes `segment` behind `path`, everything but unreserved characters encoded.
pub(super) fn encode(path: &mut String, segment: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in segment.bytes() {
        if unreserved(byte) {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push(char::from(HEX[usize::from(byte >> 4)]));
            path.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
