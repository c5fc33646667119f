//! The time stamp of a password, `YYYYMMDDHH` in UTC, and its window under sign type 1.
//!
//! The vendor documents the past only (a stamp whose hour + 1 lies before the platform's is refused), which makes the current and the
//! previous hour. One hour into the future is our own choice: a device whose clock is a few minutes fast is in the next hour, and the
//! vendor's C SDK counts the stamp up. What is not an hour of the calendar is in no window.

use crate::contract::UtcMs;
use time::{Date, Month, Time};

/// Hours before the current one.
const PAST_MAX: i64 = 1;
/// Hours after the current one.
const FUTURE_MAX: i64 = 1;
const MILLISECONDS_OF_AN_HOUR: u64 = 3_600_000;
const SECONDS_OF_AN_HOUR: i64 = 3_600;

/// Whether the stamp's hour is the current one, the previous one or the next one.
pub fn is_in_window(timestamp: &str, now: UtcMs) -> bool {
    let Ok(current) = i64::try_from(now / MILLISECONDS_OF_AN_HOUR) else {
        return false;
    };
    hour(timestamp).is_some_and(|hour| (-PAST_MAX..=FUTURE_MAX).contains(&(hour - current)))
}

/// Hours since the Unix epoch; none where the digits are no hour of the calendar.
fn hour(timestamp: &str) -> Option<i64> {
    let year = timestamp.get(..4)?.parse().ok()?;
    let month = Month::try_from(number(timestamp, 4)?).ok()?;
    let date = Date::from_calendar_date(year, month, number(timestamp, 6)?).ok()?;
    let time = Time::from_hms(number(timestamp, 8)?, 0, 0).ok()?;
    Some(date.with_time(time).assume_utc().unix_timestamp() / SECONDS_OF_AN_HOUR)
}

fn number(timestamp: &str, start: usize) -> Option<u8> {
    timestamp.get(start..start + 2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-21T22:30:00Z.
    const NOW: UtcMs = 1_795_300_200_000;

    #[test]
    fn the_previous_the_current_and_the_next_hour_are_in() {
        for (timestamp, expected) in [
            ("2026112119", false),
            ("2026112120", false),
            ("2026112121", true),
            ("2026112122", true),
            ("2026112123", true),
            ("2026112200", false),
            ("2025112122", false),
            ("2026112124", false),
            ("2026113122", false),
            ("2026002122", false),
            ("0000000000", false),
            ("", false),
        ] {
            assert_eq!(is_in_window(timestamp, NOW), expected, "{timestamp}");
        }
    }

    #[test]
    fn the_window_crosses_midnight_and_new_year() {
        let first_second_of_2027 = 1_798_761_600_000;
        assert!(is_in_window("2026123123", first_second_of_2027));
        assert!(is_in_window("2027010100", first_second_of_2027));
        assert!(!is_in_window("2026123122", first_second_of_2027));
    }

    proptest! {
        #[test]
        fn exactly_three_hours_are_in(offset in -100_i64..100) {
            let moment = time::OffsetDateTime::from_unix_timestamp(1_795_300_200 + offset * 3_600).unwrap();
            let timestamp = format!(
                "{:04}{:02}{:02}{:02}",
                moment.year(), u8::from(moment.month()), moment.day(), moment.hour(),
            );
            prop_assert_eq!(is_in_window(&timestamp, NOW), (-1..=1).contains(&offset));
        }

        #[test]
        fn nothing_panics(timestamp in ".{0,12}", now in any::<u64>()) {
            is_in_window(&timestamp, now);
        }
    }
}
