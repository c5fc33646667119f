//! Client ids: `{base}|{parameter},{parameter}…|`, read between the first and the last `|`.
//!
//! SDKs put anything between the bars, another `|` included, leave text behind the last one, send parameters empty, twice or with a comma after the last.
//! All of that is passed over; of a parameter that is there twice the first counts. What is unknown is ignored. A base has at most 64 characters; the
//! parameters are bounded by MQTT's own 65 535 bytes and walked once.

/// Characters before the first `|`.
pub const BASE_MAX: usize = 64;

/// A client id, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientId<'t> {
    /// What is before the first `|`; free text, part of what a secret device signs.
    pub base: &'t str,
    /// What the connection claims to be; none where it does not say.
    pub secure_mode: Option<SecureMode>,
    /// How the password is made.
    pub sign_method: SignMethod,
    /// Part of what a secret device signs, where it is there. SDKs send milliseconds, seconds or a constant.
    pub timestamp: Option<&'t str>,
    /// Another way to prove oneself than the usual two.
    pub auth_type: Option<&'t str>,
    /// `_ss=1`: the device counts itself as subscribed to its system topics.
    pub subscribed: bool,
}

/// `securemode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureMode {
    /// 2.
    Tls,
    /// 3.
    Plain,
}

/// `signmethod`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignMethod {
    /// `hmacmd5`, and where the client does not say.
    #[default]
    HmacMd5,
    /// `hmacsha1`.
    HmacSha1,
    /// `hmacsha256`, which a page of the vendor's also calls `sha256`.
    HmacSha256,
    /// Something else; without meaning for a device with a certificate.
    Unknown,
}

/// Why a client id is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The base is longer than 64 characters.
    TooLong,
    /// There is one `|` only.
    NotClosed,
    /// `securemode` is neither 2 nor 3.
    SecureMode,
}

impl Malformed {
    /// The cause and what to do, for a sentence.
    pub fn cause(self) -> &'static str {
        match self {
            Self::TooLong => "more than 64 characters before the first `|`: shorten it",
            Self::NotClosed => {
                "the parameters have no closing `|`: write `id|securemode=2,signmethod=hmacsha256|`"
            }
            Self::SecureMode => {
                "`securemode` is neither 2 (TLS) nor 3 (plain TCP): use one of them"
            }
        }
    }
}

/// Takes a client id apart.
pub fn parse(text: &str) -> Result<ClientId<'_>, Malformed> {
    let (base, parameters) = split(text)?;
    if base.chars().nth(BASE_MAX).is_some() {
        return Err(Malformed::TooLong);
    }
    let value = |name| value_of(parameters, name);
    Ok(ClientId {
        base,
        secure_mode: value("securemode").map(secure_mode).transpose()?,
        sign_method: value("signmethod").map_or_else(SignMethod::default, sign_method),
        timestamp: value("timestamp"),
        auth_type: value("authType"),
        subscribed: value("_ss") == Some("1"),
    })
}

/// The base, and what is between the first and the last `|`.
fn split(text: &str) -> Result<(&str, &str), Malformed> {
    let Some((base, rest)) = text.split_once('|') else {
        return Ok((text, ""));
    };
    let (parameters, _) = rest.rsplit_once('|').ok_or(Malformed::NotClosed)?;
    Ok((base, parameters))
}

/// The first value of a parameter; an empty one counts as none.
fn value_of<'t>(parameters: &'t str, name: &str) -> Option<&'t str> {
    parameters
        .split(',')
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

fn secure_mode(value: &str) -> Result<SecureMode, Malformed> {
    match value {
        "2" => Ok(SecureMode::Tls),
        "3" => Ok(SecureMode::Plain),
        _ => Err(Malformed::SecureMode),
    }
}

fn sign_method(value: &str) -> SignMethod {
    match value {
        "hmacmd5" => SignMethod::HmacMd5,
        "hmacsha1" => SignMethod::HmacSha1,
        "hmacsha256" | "sha256" => SignMethod::HmacSha256,
        _ => SignMethod::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the vendor's C SDK 3.2.0 sent it over the wire.
    const C3: &str = ".|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=2,signmethod=hmacsha256,lan=C,_ss=1,gw=0,ext=0|";

    #[test]
    fn what_the_sdks_send() {
        let c3 = ClientId {
            base: ".",
            secure_mode: Some(SecureMode::Tls),
            sign_method: SignMethod::HmacSha256,
            timestamp: Some("2524608000000"),
            auth_type: None,
            subscribed: true,
        };
        assert_eq!(parse(C3), Ok(c3));
        let bare = ClientId {
            base: "",
            secure_mode: None,
            sign_method: SignMethod::HmacMd5,
            timestamp: None,
            auth_type: None,
            subscribed: false,
        };
        let java = ClientId {
            base: ".",
            secure_mode: Some(SecureMode::Tls),
            ..bare
        };
        for (text, expected) in [
            ("", bare),
            ("||", bare),
            ("|,,=,x,_ss=|", bare),
            (".|securemode=2|", java),
            (".|securemode=2,|", java),
            (".|lan=JS|Ali,securemode=2|", java),
            (".|securemode=2|lost", java),
            (".|securemode=,securemode=2,securemode=3|", java),
            (
                "dev",
                ClientId {
                    base: "dev",
                    ..bare
                },
            ),
        ] {
            assert_eq!(
                parse(text).map(|id| ClientId { ..id }),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_malformed() {
        let (longest, longer) = ("é".repeat(64), "d".repeat(65));
        for (text, expected) in [
            (longest.as_str(), None),
            (&format!("{longest}|_ss=1|"), None),
            (&longer, Some(Malformed::TooLong)),
            (&format!("{longer}|_ss=1|"), Some(Malformed::TooLong)),
            ("d|securemode=2", Some(Malformed::NotClosed)),
            ("|", Some(Malformed::NotClosed)),
            ("d|securemode=1|", Some(Malformed::SecureMode)),
            ("d|securemode=-2|", Some(Malformed::SecureMode)),
            ("d|securemode=02|", Some(Malformed::SecureMode)),
            ("d|securemode=2 |", Some(Malformed::SecureMode)),
        ] {
            assert_eq!(parse(text).err(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~|,=é\u{0}]{0,120}") {
            match parse(&text) {
                Ok(id) => {
                    prop_assert!(text.starts_with(id.base) && !id.base.contains('|'));
                    prop_assert!(id.base.chars().count() <= BASE_MAX);
                    prop_assert!(id.timestamp.is_none_or(|stamp| !stamp.is_empty() && !stamp.contains(',')));
                }
                Err(Malformed::NotClosed) => prop_assert_eq!(text.matches('|').count(), 1),
                Err(Malformed::TooLong) => prop_assert!(text.chars().count() > BASE_MAX),
                Err(Malformed::SecureMode) => prop_assert!(text.contains("securemode=")),
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn what_was_written_is_read(base in "[a-zA-Z0-9.]{0,64}", stamp in "[0-9]{1,13}", noise in "[a-z]{1,5}=[a-z|]{0,5}", first in any::<bool>()) {
            let own = format!("securemode=3,signmethod=hmacsha1,timestamp={stamp},_ss=1");
            let parameters = if first { format!("{own},{noise}") } else { format!("{noise},{own}") };
            let text = format!("{base}|{parameters}|");
            let expected = ClientId {
                base: &base,
                secure_mode: Some(SecureMode::Plain),
                sign_method: SignMethod::HmacSha1,
                timestamp: Some(&stamp),
                auth_type: None,
                subscribed: true,
            };
            prop_assert_eq!(parse(&text), Ok(expected));
        }
    }
}
