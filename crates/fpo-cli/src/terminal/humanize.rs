//! Numbers as people read them at a glance: counts and durations in few characters.

/// Returns `count` in about three digits: `950`, `1.5k`, `512k`, `59.9M`. Digits are cut off, never
/// rounded up, so that nothing looks finished before it is.
pub fn short_count(count: u64) -> String {
    let (unit, letter) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (1_000, 'k'),
        1_000_000..1_000_000_000 => (1_000_000, 'M'),
        _ => (1_000_000_000, 'G'),
    };
    let (whole, tenths) = (count / unit, count % unit * 10 / unit);
    if whole >= 100 || tenths == 0 {
        format!("{whole}{letter}")
    } else {
        format!("{whole}.{tenths}{letter}")
    }
}

/// Returns `count` with commas between thousands: `12,345`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a duration in its two largest units: `5s`, `2m05s`, `1h02m`, `3d04h`.
pub fn short_duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1k"),
            (1_590, "1.5k"),
            (15_360, "15.3k"),
            (999_999, "999k"),
            (1_200_000, "1.2M"),
            (2_000_000_000, "2G"),
        ] {
            assert_eq!(short_count(count), text);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (125, "2m05s"),
            (3600, "1h00m"),
            (3725, "1h02m"),
            (273_600, "3d04h"),
        ] {
            assert_eq!(short_duration(seconds), text);
        }
    }
}
