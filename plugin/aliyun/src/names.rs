//! The two names of a device, its product key and its device name, and the username `{device name}&{product key}` that carries them.
//!
//! Both become levels of topics and the canonical id `{product key}.{device name}`. So neither may hold a separator or a wildcard, and a product key no
//! `.`: then the first `.` of a canonical id ends the product key, and no two devices have the same.

use std::fmt;

/// Characters of a product key. The vendor's C SDK takes no longer one.
pub const PRODUCT_KEY_MAX: usize = 20;
/// Characters of a device name.
pub const DEVICE_NAME_MAX: usize = 32;

/// The names that a CONNECT claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'t> {
    /// `productKey`: the record's product.
    pub product_key: &'t str,
    /// `deviceName`: the record's node.
    pub device_name: &'t str,
}

/// The canonical id.
impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.product_key, self.device_name)
    }
}

/// What a username says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Username<'t> {
    /// Absent, empty or `&`: the device does not know its names.
    Nobody,
    /// `{device name}&{product key}`.
    Device(Names<'t>),
    /// No `&` in it: an application's name.
    Other(&'t str),
    /// One name is missing, or holds what no name holds.
    Malformed,
}

/// Reads a username.
pub fn parse(username: Option<&str>) -> Username<'_> {
    let text = username.unwrap_or_default();
    match text.split_once('&') {
        None if text.is_empty() => Username::Nobody,
        None => Username::Other(text),
        Some(("", "")) => Username::Nobody,
        Some((device_name, product_key)) => {
            let names = Names {
                product_key,
                device_name,
            };
            if are_names(&names) {
                Username::Device(names)
            } else {
                Username::Malformed
            }
        }
    }
}

/// Whether both are names that the vendor could have given.
pub fn are_names(names: &Names) -> bool {
    is_product_key(names.product_key) && is_device_name(names.device_name)
}

/// 1 to 20 letters, digits, `_` and `-`.
pub fn is_product_key(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=PRODUCT_KEY_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// 1 to 32 letters, digits and `-_@.:`.
fn is_device_name(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'@' | b'.' | b':');
    (1..=DEVICE_NAME_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usernames() {
        let names = |device_name, product_key| {
            Username::Device(Names {
                product_key,
                device_name,
            })
        };
        let long = format!("{}&a1", "d".repeat(33));
        for (username, expected) in [
            (None, Username::Nobody),
            (Some(""), Username::Nobody),
            (Some("&"), Username::Nobody),
            (Some("dev01&a1PkLab0001"), names("dev01", "a1PkLab0001")),
            (Some("a@b:c.d-e_f&a1"), names("a@b:c.d-e_f", "a1")),
            (Some("aliyun_app"), Username::Other("aliyun_app")),
            (Some("dev01&"), Username::Malformed),
            (Some("&a1"), Username::Malformed),
            (Some("&&"), Username::Malformed),
            (Some("a&b&c"), Username::Malformed),
            (Some("a/b&a1"), Username::Malformed),
            (Some("+&a1"), Username::Malformed),
            (Some("d&#"), Username::Malformed),
            (Some("d&a.1"), Username::Malformed),
            (Some(&long), Username::Malformed),
        ] {
            assert_eq!(parse(username), expected, "{username:?}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_id_is_one_pair(a in "[a-c_-]{1,3}", b in "[a-c.:@]{1,4}", c in "[a-c_-]{1,3}", d in "[a-c.:@]{1,4}") {
            let id = |product_key: &str, device_name: &str| Names { product_key, device_name }.to_string();
            prop_assert_eq!(id(&a, &b) == id(&c, &d), a == c && b == d);
        }

        #[test]
        fn any_text_is_read(text in ".{0,80}") {
            if let Username::Device(names) = parse(Some(&text)) {
                prop_assert!(!names.to_string().contains(['/', '+', '#', '*', '?', '\\', '&']));
            }
        }
    }
}
