//! Parses the numbers of flags, with errors that say which numbers would be right.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Returns the parser of a whole number in `range`. The library's own speak of digits and types.
pub(crate) fn whole<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text: &str| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("expected a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// Returns the parser of a number that `is_right`; `expected` says in words which numbers are.
pub(crate) fn number(
    expected: &'static str,
    is_right: fn(f64) -> bool,
) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text: &str| {
        let number = text.parse().ok().filter(|number| is_right(*number));
        number.ok_or_else(|| format!("expected {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_outside_of_its_range_or_no_number_is_told_the_range() {
        let small = whole::<u32>(1..=12);
        assert_eq!((small("1"), small("12")), (Ok(1), Ok(12)));
        for wrong in ["0", "13", "-1", "x", "", "1.5", "1e1", "99999999999999999999"] {
            let error = small(wrong).unwrap_err();
            assert_eq!(error, "expected a whole number from 1 to 12", "{wrong}");
        }
        let seed = whole::<u64>(0..=i64::MAX as u64);
        assert_eq!(seed("9223372036854775807"), Ok(i64::MAX as u64));
        let error = seed("9223372036854775808").unwrap_err();
        assert_eq!(error, "expected a whole number from 0 to 9223372036854775807");
    }

    #[test]
    fn a_number_that_is_not_right_or_none_is_told_which_are() {
        let share = number("a number from 0 to 1", |x| (0.0..=1.0).contains(&x));
        assert_eq!((share("0.25"), share("1e-3")), (Ok(0.25), Ok(1e-3)));
        for wrong in ["a", "NaN", "inf", "-1", "1.5", ""] {
            assert_eq!(share(wrong).unwrap_err(), "expected a number from 0 to 1", "{wrong}");
        }
    }
}
