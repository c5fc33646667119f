//! When data was measured: `event_time`, and the time of arrival in its place where a device sends none that can be read.
//!
//! Accepted are the vendor's two forms and the one that his Python SDK sends. The payload is changed in these places and stays what it was in all
//! others, so no number loses a digit and no member its place.

use crate::contract::UtcMs;
use crate::json::Value;
use time::{Date, Month, OffsetDateTime, Time};

/// A `0` stands for a digit.
const FORMS: [&str; 3] = [
    "00000000T000000Z",
    "0000-00-00T00:00:00.000Z",
    "0000-00-00T00:00:00Z",
];

/// Bytes that a gap adds at most: `,"event_time":"20261121T223000Z"`.
const ADDED: usize = 32;

/// Where a time is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    start: usize,
    end: usize,
    is_new_member: bool,
}

impl Gap {
    /// In place of this value.
    pub(super) fn instead_of(value: Value) -> Self {
        Self {
            start: value.start(),
            end: value.end(),
            is_new_member: false,
        }
    }

    /// As a new member of an object, after one that ends here.
    pub(super) fn after(end: usize) -> Self {
        Self {
            start: end,
            end,
            is_new_member: true,
        }
    }
}

/// Whether a text is a time in one of the accepted forms and exists in the calendar.
pub(super) fn is_accepted(text: &str) -> bool {
    FORMS.iter().any(|form| has_form(text, form)) && exists(text)
}

/// The payload with the time of arrival in its gaps, which are in the order of the text; none where there is no gap.
pub(super) fn stamped(payload: &[u8], gaps: &[Gap], now: UtcMs) -> Option<Vec<u8>> {
    if gaps.is_empty() {
        return None;
    }
    let arrival = arrival(now)?;
    let mut stamped = Vec::with_capacity(payload.len() + gaps.len() * ADDED);
    let mut done = 0;
    for gap in gaps {
        stamped.extend_from_slice(payload.get(done..gap.start)?);
        if gap.is_new_member {
            stamped.extend_from_slice(b",\"event_time\":");
        }
        stamped.extend_from_slice(arrival.as_bytes());
        done = gap.end;
    }
    stamped.extend_from_slice(payload.get(done..)?);
    Some(stamped)
}

/// The vendor's first form, in quotes.
fn arrival(now: UtcMs) -> Option<String> {
    let seconds = i64::try_from(now / 1_000).ok()?;
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    let month = u8::from(at.month());
    Some(format!(
        "\"{:04}{month:02}{:02}T{:02}{:02}{:02}Z\"",
        at.year(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    ))
}

fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, sign): (u8, u8)| match sign {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn exists(text: &str) -> bool {
    let mut digits = text.bytes().filter(u8::is_ascii_digit);
    let mut number = |count: usize| {
        let taken = digits.by_ref().take(count);
        taken.fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'))
    };
    let (year, month, day) = (number(4), number(2), number(2));
    let (hour, minute, second) = (number(2), number(2), number(2));
    let byte = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
    let date = Month::try_from(byte(month))
        .is_ok_and(|month| Date::from_calendar_date(i32::from(year), month, byte(day)).is_ok());
    date && Time::from_hms(byte(hour), byte(minute), byte(second)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::sample::NOW;
    use proptest::prelude::*;

    #[test]
    fn the_vendors_two_forms_and_the_python_sdks_are_times() {
        for text in [
            "20161219T114920Z",
            "2020-08-12T12:12:12.333Z",
            "2026-11-21T22:30:00Z",
            "20240229T235959Z",
        ] {
            assert!(is_accepted(text), "{text}");
        }
        for text in [
            "",
            "now",
            "20161219T114920",
            "20161219t114920z",
            "2016-12-19 11:49:20",
            "2016-12-19T11:49:20+08:00",
            "2020-08-12T12:12:12.33Z",
            "20161319T114920Z",
            "20230229T000000Z",
            "20161219T240000Z",
            "20161219T115960Z",
            "1482148160000",
            "２０161219T114920Z",
        ] {
            assert!(!is_accepted(text), "{text}");
        }
    }

    #[test]
    fn the_arrival_is_written_in_the_first_form() {
        assert_eq!(arrival(NOW).as_deref(), Some("\"20261121T223000Z\""));
        assert_eq!(arrival(0).as_deref(), Some("\"19700101T000000Z\""));
        assert_eq!(arrival(UtcMs::MAX), None);
    }

    #[test]
    fn only_the_gaps_change() {
        let text = r#"{"a":1.10,"event_time" : null ,"b":[]}"#;
        let root = json::read(text).unwrap();
        let (_, time) = root.members().nth(1).unwrap();
        let gaps = [Gap::instead_of(time), Gap::after(text.len() - 1)];
        let stamped = stamped(text.as_bytes(), &gaps, NOW).unwrap();
        assert_eq!(
            String::from_utf8(stamped).unwrap(),
            r#"{"a":1.10,"event_time" : "20261121T223000Z" ,"b":[],"event_time":"20261121T223000Z"}"#
        );
    }

    #[test]
    fn without_a_gap_or_a_time_nothing_changes() {
        assert_eq!(stamped(b"{}", &[], NOW), None);
        assert_eq!(stamped(b"{1}", &[Gap::after(2)], UtcMs::MAX), None);
        assert_eq!(stamped(b"{}", &[Gap::after(9)], NOW), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_accepted(now in 0..253_402_300_800_000_u64) {
            let written = arrival(now).unwrap();
            prop_assert!(is_accepted(written.trim_matches('"')));
        }

        #[test]
        fn any_text_is_a_time_or_not(text in ".{0,30}") {
            is_accepted(&text);
        }
    }
}
