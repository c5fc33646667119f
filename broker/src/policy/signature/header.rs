//! A signature file in a request header: base64 (RFC 4648, padded), because a header holds no line breaks.

use super::minisign::LARGEST;

/// The text of the `.minisig` file in the header `X-Policy-Signature`, as `base64 -w0 FILE.minisig` writes it. None where it is no base64 of a
/// text, or longer than a signature.
pub fn decode_signature(header: &str) -> Option<String> {
    let header = header.trim();
    if header.len() > LARGEST.div_ceil(3) * 4 {
        return None;
    }
    String::from_utf8(decode_base64(header)?).ok()
}

/// Padding and unused bits must be as an encoder writes them: one text has one form.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text
        .strip_suffix("==")
        .or_else(|| text.strip_suffix('='))
        .unwrap_or(text);
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    // `count` bits are left over from the digits before.
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        bits = bits << 6 | u32::from(value(digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0 && count < 6).then_some(decoded)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (encoded, text) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
            (" Zm9vYmFy\n", "foobar"),
        ] {
            assert_eq!(decode_signature(encoded).unwrap(), text, "{encoded}");
        }
        let bytes: Vec<u8> = (0..=255).collect();
        let every_digit = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==";
        assert_eq!(decode_base64(every_digit).unwrap(), bytes);
    }

    #[test]
    fn what_no_encoder_writes_is_refused() {
        let long = "A".repeat(8192);
        for value in [
            "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9v", "Zm-v", "Zm_v",
            "/w==", "é", &long,
        ] {
            assert_eq!(decode_signature(value), None, "{value}");
        }
    }
}
