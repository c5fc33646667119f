//! JSON numbers as whole numbers, exactly: `1e3` and `2.50e2` are whole, and no digit is lost on the way through a float.

/// A number as a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Is(i64),
    /// A whole number outside of 64 bits.
    TooLarge,
    /// It has a fraction.
    Not,
}

/// What a grammatical number is. Its length is bounded by the payload; every digit is looked at once.
pub(super) fn whole(number: &str) -> Whole {
    let (is_negative, digits) = match number.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, number),
    };
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let after = after.trim_end_matches('0');
    if before.bytes().all(|digit| digit == b'0') && after.is_empty() {
        return Whole::Is(0);
    }
    match exponent.parse::<i32>() {
        Ok(exponent) => shifted(is_negative, before, after, exponent),
        // Beyond any shift that could matter.
        Err(_) if exponent.starts_with('-') => Whole::Not,
        Err(_) => Whole::TooLarge,
    }
}

/// The digits with the point moved by `exponent`; they are not all zero.
fn shifted(is_negative: bool, before: &str, after: &str, exponent: i32) -> Whole {
    let zeros = if after.is_empty() {
        before.len() - before.trim_end_matches('0').len()
    } else {
        0
    };
    // After the last digit that is not zero, the point may not come earlier.
    let places = i64::from(exponent) + length(zeros) - length(after.len());
    if places < 0 {
        return Whole::Not;
    }
    // Twenty digits are too many for 64 bits: more zeros make no difference.
    let appended_zeros = usize::try_from(places.min(20)).unwrap_or(20);
    let significant = before.bytes().take(before.len() - zeros);
    let digits = significant.chain(after.bytes());
    let padded = digits.chain(std::iter::repeat_n(b'0', appended_zeros));
    padded
        .skip_while(|digit| *digit == b'0')
        .try_fold(0, |value, digit| append(is_negative, value, digit))
        .map_or(Whole::TooLarge, Whole::Is)
}

/// Counted downwards below zero, so that the smallest number is reached, too.
fn append(is_negative: bool, value: i64, digit: u8) -> Option<i64> {
    let digit = i64::from(digit.checked_sub(b'0')?);
    let value = value.checked_mul(10)?;
    if is_negative {
        value.checked_sub(digit)
    } else {
        value.checked_add(digit)
    }
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_numbers_are_exact() {
        let long = "1".repeat(1_000_000);
        for (number, expected) in [
            ("0", Whole::Is(0)),
            ("-0", Whole::Is(0)),
            ("-0.000e99999999999", Whole::Is(0)),
            ("25", Whole::Is(25)),
            ("25.0", Whole::Is(25)),
            ("2.50e2", Whole::Is(250)),
            ("2500e-2", Whole::Is(25)),
            ("2500e-3", Whole::Not),
            ("1E+3", Whole::Is(1_000)),
            ("0.5", Whole::Not),
            ("0.05e2", Whole::Is(5)),
            ("-1.5", Whole::Not),
            ("9223372036854775807", Whole::Is(i64::MAX)),
            ("9223372036854775808", Whole::TooLarge),
            ("-9223372036854775808", Whole::Is(i64::MIN)),
            ("-9223372036854775809", Whole::TooLarge),
            ("9007199254740993", Whole::Is(9_007_199_254_740_993)),
            ("1e18", Whole::Is(1_000_000_000_000_000_000)),
            ("1e19", Whole::TooLarge),
            ("1e2147483647", Whole::TooLarge),
            ("1e99999999999999999999", Whole::TooLarge),
            ("1e-2147483648", Whole::Not),
            ("1e-99999999999999999999", Whole::Not),
            (&*long, Whole::TooLarge),
        ] {
            assert_eq!(whole(number), expected, "{number:.40}");
        }
    }

    proptest! {
        #[test]
        fn every_64_bit_number_comes_back(number: i64, zeros in 0_usize..5) {
            let point = format!("{number}.{}0", "0".repeat(zeros));
            let shifted = format!("{number}{}e-{zeros}", "0".repeat(zeros));
            for written in [number.to_string(), point, shifted] {
                prop_assert_eq!(whole(&written), Whole::Is(number), "{}", written);
            }
        }

        #[test]
        fn a_fraction_is_not_whole(number: i32, fraction in "[0-9]{0,6}[1-9]") {
            let written = format!("{number}.{fraction}");
            prop_assert_eq!(whole(&written), Whole::Not);
        }
    }
}
