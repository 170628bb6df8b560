//! Durations as people write them in a configuration.

/// Returns the seconds in a text such as `90s`, `45m`, `1h30m` or `2d`: numbers with units, each
/// smaller than the one before it.
pub fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut whole, mut before) = (text, 0u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let unit = match behind.chars().next()? {
            'd' => 86_400,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if unit >= before {
            return None;
        }
        whole = whole.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        (rest, before) = (&behind[1..], unit);
    }
    (before < u64::MAX).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_added() {
        for (text, expected) in [
            ("90s", 90),
            ("45m", 2700),
            ("1h30m", 5400),
            ("2d", 172_800),
            ("1d2h3m4s", 93_784),
            ("0s", 0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        let long = "99999999999999999999d";
        for text in ["", "90", "s", "1.5h", "-1h", "1h 30m", "30m1h", "1h1h", "1w", long, "1hä"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
