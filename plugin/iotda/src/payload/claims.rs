//! Whom a payload may seem to speak for that cannot be read for certain: broken JSON, a form of its own, a name that is there twice.
//!
//! Such a payload passes a lenient product. But the back-end's reader may be more tolerant than ours (quotes left out, single ones, UTF-16), and
//! then an id that was not checked would count. So every place that looks like the naming of a device is taken as one, in whatever syntax; in doubt
//! it names somebody else. Linear in the payload, which is copied once.

/// What may stand between the name and the id.
const BETWEEN: [char; 9] = ['"', '\'', ':', '=', '>', ' ', '\t', '\n', '\r'];

/// The text without what could hide a name: escapes resolved, NULs (of UTF-16) left out.
pub(super) fn plain(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, after)) = rest.split_once("\\u") {
        plain.push_str(before);
        let digits = after.get(..4);
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32) {
            Some(character) => {
                plain.push(character);
                rest = after.get(4..).unwrap_or_default();
            }
            None => rest = after,
        }
    }
    plain.push_str(rest);
    plain.retain(|character| character != '\0');
    plain
}

/// The ids behind each occurrence of a name; an empty, missing or `null` one names nobody.
pub(super) fn ids<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(name).filter_map(move |(at, _)| {
        let after = text.get(at + name.len()..)?;
        named(after.trim_start_matches(BETWEEN))
    })
}

fn named(value: &str) -> Option<&str> {
    let is_part =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    let end = value.find(|character| !is_part(character));
    let id = value.get(..end.unwrap_or(value.len()))?;
    let ends_member = value.is_empty() || value.starts_with([',', '}', ']']);
    match id {
        "null" => None,
        "" if ends_member => None,
        // Not even an id: nobody's.
        "" => value.get(..value.chars().next()?.len_utf8()),
        id => Some(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids_of(payload: &[u8]) -> Vec<String> {
        let text = plain(payload);
        ids(&text, "device_id").map(str::to_owned).collect()
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for payload in [
            &br#"{"device_id":"d2""#[..],
            br#"{"object_device_id" : "d2" x"#,
            br#"{"object_device\u005fid":"d\u0032","#,
            b"{'device_id':'d2'}",
            b"{device_id:d2}",
            b"{device_id=d2;}",
            b"\xff{\"device_id\":\"d2\"}",
            b"{\0\"\0d\0e\0v\0i\0c\0e\0_\0i\0d\0\"\0:\0\"\0d\x002\0\"\0",
        ] {
            assert_eq!(
                ids_of(payload),
                ["d2"],
                "{}",
                String::from_utf8_lossy(payload)
            );
        }
    }

    #[test]
    fn in_doubt_it_is_somebody_and_without_a_value_nobody() {
        assert_eq!(ids_of(br#"{"device_id"/**/:"d2"}"#), ["/"]);
        assert_eq!(ids_of("{\"device_id\":\"é\"".as_bytes()), ["é"]);
        assert_eq!(ids_of(br#"{"device_id":["d2"]"#), ["["]);
        for nobody in [
            &br#"{"device_id":null,"#[..],
            br#"{"device_id":"","#,
            br#"{"device_id":"#,
            br#"{"device_id":}"#,
            b"{\"services\":[NaN]}",
            b"",
        ] {
            assert!(
                ids_of(nobody).is_empty(),
                "{}",
                String::from_utf8_lossy(nobody)
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_searched(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            ids_of(&payload);
        }

        #[test]
        fn an_id_in_any_garbage_is_found(before in ".{0,20}", after in "[^A-Za-z0-9_-].{0,20}") {
            let payload = format!("{before}\"device_id\":\"d2\"{after}");
            prop_assert!(ids_of(payload.as_bytes()).contains(&"d2".to_owned()));
        }
    }
}
