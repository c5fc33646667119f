//! The wall clock, read in one place; decisions get time as an argument.

use crate::contract::UtcMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch. A clock before 1970 counts as 1970.
pub(crate) fn now() -> UtcMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        UtcMs::try_from(since.as_millis()).unwrap_or(UtcMs::MAX)
    })
}

/// The first moment after a validity whose last second this is.
pub(crate) fn end_of_validity(last: i64) -> UtcMs {
    let last = UtcMs::try_from(last).unwrap_or(0);
    last.saturating_add(1).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_second_of_a_validity_still_counts() {
        assert_eq!(end_of_validity(1_700_000_000), 1_700_000_001_000);
        assert_eq!(end_of_validity(-5), 1_000);
        assert_eq!(end_of_validity(i64::MAX), u64::MAX);
    }
}
