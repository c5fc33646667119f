//! Client ids: `{id}_{type}_{sign}_{YYYYMMDDHH}`, read from the right because device ids contain `_` themselves.
//!
//! Offered are type 0 (the id of a device) and type 2 (a node id). Types 1 and 3 are other services of the vendor. Bounds: 256 bytes in all; ids of `[A-Za-z0-9_-]`, so that no id can hold a level separator or a wildcard.

/// Bytes of a whole client id (vendor: 256 characters; all of ours are ASCII).
pub const LENGTH_MAX: usize = 256;
/// Characters of a device id.
const DEVICE_ID_MAX: usize = 128;
/// Characters of a node id.
const NODE_ID_MAX: usize = 64;
/// `YYYYMMDDHH`.
const TIMESTAMP_LENGTH: usize = 10;

/// A client id, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId<'t> {
    /// The device id or the node id, as `kind` says.
    pub id: &'t str,
    /// What `id` is.
    pub kind: Kind,
    /// How the password's time stamp is treated.
    pub sign: Sign,
    /// Ten digits. Not necessarily an hour of the calendar: the vendor's C SDK counts this number up, past hour 23, whenever its
    /// HMAC contains a NUL byte (one in eight).
    pub timestamp: &'t str,
}

/// The client id's type field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0: a device id.
    Device,
    /// 2: a node id.
    Node,
}

/// The client id's sign type field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// 0: the time stamp is the key of the password and nothing else.
    Unchecked,
    /// 1: the time stamp must also be within its window.
    Checked,
    /// 2: as 1, with SM3 (the vendor's GM editions).
    CheckedSm3,
}

/// Why a text is no client id of this contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Over [`LENGTH_MAX`].
    #[error("it is longer than 256 bytes")]
    TooLong,
    /// No canonical id could be made of it.
    #[error("it has a control character")]
    Control,
    /// Fewer than four parts.
    #[error("it is not of the form id_type_sign_YYYYMMDDHH")]
    Form,
    /// Neither 0 nor 2.
    #[error("its type is neither 0 (device id) nor 2 (node id)")]
    Kind,
    /// Neither 0, 1 nor 2.
    #[error("its sign type is neither 0, 1 nor 2")]
    Sign,
    /// Not ten digits.
    #[error("its time stamp is not ten digits, YYYYMMDDHH")]
    Timestamp,
    /// A character or length that no id has.
    #[error("its id is empty, too long or has other characters than letters, digits, `_` and `-`")]
    Id,
}

/// Takes a client id apart, from the right.
pub fn parse(text: &str) -> Result<ClientId<'_>, Malformed> {
    if text.len() > LENGTH_MAX {
        return Err(Malformed::TooLong);
    }
    if text.contains(char::is_control) {
        return Err(Malformed::Control);
    }
    let mut parts = text.rsplitn(4, '_');
    let (Some(timestamp), Some(sign), Some(kind), Some(id)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Form);
    };
    let kind = parse_kind(kind)?;
    let parsed = ClientId {
        id,
        kind,
        sign: parse_sign(sign)?,
        timestamp,
    };
    if !is_timestamp(timestamp) {
        return Err(Malformed::Timestamp);
    }
    if !kind.takes(id) {
        return Err(Malformed::Id);
    }
    Ok(parsed)
}

/// Whether a text may be a device's id: what every pattern of a grant relies on.
pub fn is_device_id(text: &str) -> bool {
    is_id(text, DEVICE_ID_MAX)
}

fn parse_kind(text: &str) -> Result<Kind, Malformed> {
    match text {
        "0" => Ok(Kind::Device),
        "2" => Ok(Kind::Node),
        _ => Err(Malformed::Kind),
    }
}

fn parse_sign(text: &str) -> Result<Sign, Malformed> {
    match text {
        "0" => Ok(Sign::Unchecked),
        "1" => Ok(Sign::Checked),
        "2" => Ok(Sign::CheckedSm3),
        _ => Err(Malformed::Sign),
    }
}

fn is_timestamp(text: &str) -> bool {
    text.len() == TIMESTAMP_LENGTH && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str, length_max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= length_max && text.bytes().all(allowed)
}

impl Kind {
    fn takes(self, id: &str) -> bool {
        match self {
            Self::Device => is_id(id, DEVICE_ID_MAX),
            Self::Node => is_id(id, NODE_ID_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vendors_form_is_read_from_the_right() {
        let parsed = parse("demo_device_0_0_1_0_0_2026112122").unwrap();
        assert_eq!(parsed.id, "demo_device_0_0_1");
        assert_eq!(parsed.kind, Kind::Device);
        assert_eq!(parsed.sign, Sign::Unchecked);
        assert_eq!(parsed.timestamp, "2026112122");
    }

    #[test]
    fn an_hour_that_is_not_in_the_calendar_is_read() {
        assert_eq!(parse("d_0_0_2026112124").unwrap().timestamp, "2026112124");
    }

    #[test]
    fn each_malformed_part_is_named() {
        let long_device = format!("{}_0_0_2026112122", "d".repeat(129));
        let long_node = format!("{}_2_0_2026112122", "n".repeat(65));
        for (text, reason) in [
            ("", Malformed::Form),
            ("device1", Malformed::Form),
            ("d_0_2026112122", Malformed::Form),
            ("_0_0_2026112122", Malformed::Id),
            ("d_1_0_2026112122", Malformed::Kind),
            ("d_3_0_2026112122", Malformed::Kind),
            ("d_00_0_2026112122", Malformed::Kind),
            ("d__0_2026112122", Malformed::Kind),
            ("d_0_3_2026112122", Malformed::Sign),
            ("d_0__2026112122", Malformed::Sign),
            ("d_0_0_202611212", Malformed::Timestamp),
            ("d_0_0_20261121220", Malformed::Timestamp),
            ("d_0_0_2026-11-21", Malformed::Timestamp),
            ("d_0_0_+026112122", Malformed::Timestamp),
            ("d_0_0_２０２６", Malformed::Timestamp),
            ("d#_0_0_2026112122", Malformed::Id),
            ("+_0_0_2026112122", Malformed::Id),
            ("*_0_0_2026112122", Malformed::Id),
            ("a/b_0_0_2026112122", Malformed::Id),
            ("é_0_0_2026112122", Malformed::Id),
            (&long_device, Malformed::Id),
            (&long_node, Malformed::Id),
            (&"d".repeat(257), Malformed::TooLong),
        ] {
            assert_eq!(parse(text), Err(reason), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_with_underscores_comes_back(
            id in "[A-Za-z0-9_-]{1,128}", sign in 0..=2_u8, timestamp in "[0-9]{10}",
        ) {
            let text = format!("{id}_0_{sign}_{timestamp}");
            let parsed = parse(&text).unwrap();
            prop_assert_eq!(parsed.id, id.as_str());
            prop_assert_eq!(parsed.timestamp, timestamp.as_str());
            let expected = [Sign::Unchecked, Sign::Checked, Sign::CheckedSm3];
            prop_assert_eq!(parsed.sign, expected[usize::from(sign)]);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,300}") {
            if let Ok(parsed) = parse(&text) {
                prop_assert!(text.starts_with(parsed.id));
                prop_assert!(parsed.id.bytes().all(|b| !b"/#+*?\\$".contains(&b)));
            }
        }
    }
}
