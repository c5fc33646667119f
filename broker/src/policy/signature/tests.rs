//! Signatures that the `minisign` program made of the eight bytes `component`, by a key that is gone.

use super::minisign::{LARGEST, check_revision, verify};
use super::*;
use crate::policy::rejection::{SIGNATURE_INVALID, SIGNATURE_WITHOUT_REVISION};

const COMPONENT: &[u8] = b"component";
const KEY: &str = "RWSTwvW1xtVI0W/WgO1bwY2/tAy9upPWKgju56a+7fx0gdHrYUAUsJb7";
const OTHER_KEY: &str = "RWSci1wFZctPibQY+NASVHmi1rvyWxDTumlCMDp/NQuqMQm/OiRFfwYI";
/// Of the component alone, so it is the same in all files of the first key.
const SIGNATURE: &str = "RUSTwvW1xtVI0aDg0SzOe/8KAsiNEvI1evHdtUAd2K1LaYWlAz98P1p8V7CziaUjXxD0whQCbX/sf0EvaGRvjZVOU95U5Fhv1Aw=";
/// `-t revision:7`
const SEVEN: (&str, &str) = (
    "revision:7",
    "nN2lZyjslitc4O/RUvU0XB2if+ZD7ybkBzY0eoBGfc6CRUHV7FS5OwEEfAF7jMLEYenWv+4Eti1n/T31SO4jAQ==",
);
const LEGACY: &str = "RWSTwvW1xtVI0a46/aK0oPJO0ZCygzl0NupARnQEN6ydx2up32ZkDLXviQdm1ptlpXckHwH0wCxAf77qMhJoUspCtzCiAciSYwA=";
const OTHER: &str = "RUSci1wFZctPiaDEjgD/xWz+XSFtnMFZ1p5YgNtetEjHJWeTe17Y9NP5RL4Z06f6gpTzsiwQqq/TcqKblW4bo6P9spUCGvDrNgw=";

/// The text of a signature file. `trusted`: the trusted comment and the signature over it.
fn file(signature: &str, (comment, trusted): (&str, &str)) -> String {
    format!("untrusted comment: by minisign\n{signature}\ntrusted comment: {comment}\n{trusted}\n")
}

fn key(text: &str) -> PublicKey {
    PublicKey::try_from(text.to_owned()).unwrap()
}

fn of(highest: Option<(u64, &str)>) -> Option<(u64, String)> {
    highest.map(|(revision, digest)| (revision, digest.to_owned()))
}

fn verified(component: &[u8], signature: &str) -> Result<u64, &'static str> {
    let revision = verify(component, signature, &key(KEY));
    revision.map_err(|rejection| rejection.code)
}

#[test]
fn the_revision_is_the_trusted_comments() {
    let whole = u64::MAX.to_string();
    let many = format!("timestamp:1 revision:{whole} file:c.bin");
    for (trusted, revision) in [
        (SEVEN, Ok(7)),
        (
            (
                many.as_str(),
                "/jJXlAWx8iRPqCzxCCjSIez8YF4zCNLlMcl4UPnVDf/KBOPtqG2hY8wopVAVf3WgdcJ+RZjqq6O/FFvsY8+SAA==",
            ),
            Ok(u64::MAX),
        ),
        (
            (
                "timestamp:1795690730\tfile:c.bin\thashed",
                "J5C5tny4YsXARR3q7QmNCRZRZ2ePuHnNKH2M3Vc5jgIzHztImzuXPDLAHcmIrGhcjtokcdVKY9MudsPH+YxaAw==",
            ),
            Err(SIGNATURE_WITHOUT_REVISION),
        ),
        (
            (
                "revision:7 revision:8",
                "O6cDlTjD8L5IPtp3VvVHDcTBg9Fv95PVHmjEWZQB+ahIYQSlePotLunJs7qW3O4Zdd9IRO9MwtWp61E2h2chCQ==",
            ),
            Err(SIGNATURE_WITHOUT_REVISION),
        ),
        (
            (
                "revision:+7",
                "XtIEIGQJxZljsAl+WVe/EzlF76uXQhiLuSE0qwcfZTG69hFsMB3wVYC4Uxq0kVUyjjaoUcLu1grVCseFVIe8Cw==",
            ),
            Err(SIGNATURE_WITHOUT_REVISION),
        ),
        (
            (
                "revision:x",
                "3caG+UGPvjS/doZ7VGrp2xF8sNm0LmtHf2dYDgcKb4QT5UeHCDFZIk0X0UCqBCRWxYfWEvTtMGp7O/24gMfIAQ==",
            ),
            Err(SIGNATURE_WITHOUT_REVISION),
        ),
        // What is not signed says nothing.
        (("revision:8", SEVEN.1), Err(SIGNATURE_INVALID)),
    ] {
        let text = file(SIGNATURE, trusted);
        assert_eq!(verified(COMPONENT, &text), revision, "{}", trusted.0);
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(verified(COMPONENT, &crlf), revision, "{}, CRLF", trusted.0);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let good = file(SIGNATURE, SEVEN);
    let legacy = file(
        LEGACY,
        (
            "revision:7",
            "ZmBqYbLn9vVQ2Id2V5Ea22UYzBmnOUkOMMc0nH0Dgr9xojUdaOtyxBmthP5nHRyMqAvrksw37Z3zQA5ZOrUrAg==",
        ),
    );
    let other = file(
        OTHER,
        (
            "revision:7",
            "SpWGW8mxDijeJrv3Cg+dpOFzhnYCtXCtlZl3We+OHz6IHJFMnNKzTC1AB+rY9jYaaIInNEqyA5JUwyLw3gkhDA==",
        ),
    );
    let long = format!("{good}{}", "\n".repeat(LARGEST));
    for (component, signature, told) in [
        (b"Component".as_slice(), good.as_str(), "were altered"),
        (b"", &good, "were altered"),
        (COMPONENT, &other, "another key"),
        (COMPONENT, &legacy, "legacy format"),
        (COMPONENT, "", "four lines"),
        (COMPONENT, KEY, "four lines"),
        (COMPONENT, &long, "at most 4096"),
    ] {
        let rejection = verify(component, signature, &key(KEY)).unwrap_err();
        assert_eq!(rejection.code, "signature-invalid", "{told}");
        assert!(rejection.message.contains(told), "{}", rejection.message);
    }
    assert_eq!(verify(COMPONENT, &other, &key(OTHER_KEY)), Ok(7));
}

#[test]
fn any_flipped_bit_and_any_missing_end_is_refused() {
    let text = file(SIGNATURE, SEVEN);
    assert_eq!(verified(COMPONENT, &text), Ok(7));
    for (at, bit) in bits(COMPONENT.len()) {
        let mut altered = COMPONENT.to_vec();
        altered[at] ^= bit;
        assert_eq!(
            verified(&altered, &text),
            Err(SIGNATURE_INVALID),
            "{at} {bit}"
        );
    }
    // The first line is untrusted by its own word, the last line break is no part of the fourth.
    let first = text.find('\n').unwrap();
    for (at, bit) in bits(text.len() - 1).filter(|(at, _)| *at >= first) {
        let mut altered = text.clone().into_bytes();
        altered[at] ^= bit;
        // What is no text reaches nobody.
        if let Ok(altered) = String::from_utf8(altered) {
            assert_eq!(
                verified(COMPONENT, &altered),
                Err(SIGNATURE_INVALID),
                "{altered}"
            );
        }
    }
    for end in 0..text.len() - 1 {
        assert_eq!(
            verified(COMPONENT, &text[..end]),
            Err(SIGNATURE_INVALID),
            "{end}"
        );
    }
}

fn bits(bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    (0..bytes).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit)))
}

#[test]
fn a_key_that_is_none_is_shown() {
    let spaced = format!(" {KEY}\n");
    assert_eq!(key(&spaced), key(KEY));
    assert_ne!(key(OTHER_KEY), key(KEY));
    let cut = &KEY[..KEY.len() - 1];
    let secret = "RWRTY0Iy".repeat(27);
    for text in [
        "",
        "RW",
        cut,
        "untrusted comment: minisign public key",
        &secret,
    ] {
        let told = PublicKey::try_from(text.to_owned()).unwrap_err();
        let shown = &text[..text.len().min(100)];
        assert!(
            told.starts_with(&format!("`{shown}` is no public key")),
            "{told}"
        );
    }
}

#[test]
fn an_older_revision_does_not_come_back() {
    for (highest, revision, digest, taken) in [
        (None, 0, "a", true),
        (Some((7, "a")), 8, "b", true),
        (Some((7, "a")), 7, "a", true),
        (Some((7, "a")), 7, "b", false),
        (Some((7, "a")), 6, "a", false),
        (Some((u64::MAX, "a")), 0, "a", false),
    ] {
        let checked = check_revision(revision, digest, of(highest));
        let code = checked.err().map(|rejection| rejection.code);
        assert_eq!(
            code,
            (!taken).then_some("revision-replayed"),
            "{highest:?} {revision}"
        );
    }
    let replayed = check_revision(6, "a", of(Some((7, "b")))).unwrap_err();
    assert!(replayed.message.contains("`6`") && replayed.message.contains("`7`"));
    assert!(replayed.help.contains("revision:8"));
}

#[test]
fn trust_asks_for_the_pin_and_for_the_signature() {
    let digest = "ab".repeat(32);
    let pin = Some(Pin::try_from(digest.clone()).unwrap());
    let foreign = Some(Pin::try_from("cd".repeat(32)).unwrap());
    let signer = Some(key(KEY));
    let text = file(SIGNATURE, SEVEN);
    let signature = Some(text.as_str());
    let newer = Some((8, "ab"));
    for (pin, key, signature, highest, expected) in [
        (None, None, None, newer, Ok(None)),
        (None, None, Some("nonsense"), None, Ok(None)),
        (pin.clone(), None, None, None, Ok(None)),
        (foreign.clone(), None, None, None, Err("pin-mismatch")),
        (
            foreign,
            signer.clone(),
            signature,
            None,
            Err("pin-mismatch"),
        ),
        (pin.clone(), signer.clone(), signature, None, Ok(Some(7))),
        (None, signer.clone(), None, None, Err("signature-missing")),
        (
            None,
            signer.clone(),
            Some(""),
            None,
            Err("signature-invalid"),
        ),
        (
            None,
            signer.clone(),
            signature,
            newer,
            Err("revision-replayed"),
        ),
        (pin, signer, signature, Some((7, &*digest)), Ok(Some(7))),
    ] {
        let trust = Trust { pin, key };
        let checked = trust.check(COMPONENT, &digest, signature, of(highest));
        assert_eq!(
            checked.map_err(|rejection| rejection.code),
            expected,
            "{trust:?}"
        );
    }
}

#[test]
fn a_seal_is_what_a_file_says_of_itself() {
    let seal = Seal::read(&file(SIGNATURE, SEVEN)).unwrap();
    // As `minisign` prints it.
    assert_eq!(seal.key_id, "D148D5C6B5F5C293");
    assert_eq!(seal.revision, Ok(7));
    // Nobody has verified it: another comment is read as it stands.
    let forged = Seal::read(&file(SIGNATURE, ("revision:8", SEVEN.1))).unwrap();
    assert_eq!(forged.revision, Ok(8));
    let none = Seal::read(&file(SIGNATURE, ("hashed", SEVEN.1))).unwrap();
    assert_eq!(none.revision.unwrap_err().code, SIGNATURE_WITHOUT_REVISION);
    for text in ["", KEY, &"\n".repeat(LARGEST + 1)] {
        assert_eq!(Seal::read(text).unwrap_err().code, SIGNATURE_INVALID);
    }
}

#[test]
fn a_key_is_read_from_the_text_of_its_file() {
    for text in [
        KEY.to_owned(),
        format!("{KEY}\n"),
        format!("untrusted comment: x\n{KEY}\r\n\n"),
    ] {
        assert_eq!(public_key(&text), Ok(key(KEY)), "{text}");
    }
    for text in ["", "untrusted comment: x"] {
        assert!(public_key(text).unwrap_err().contains("is no public key"));
    }
}
