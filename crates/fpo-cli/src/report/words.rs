//! Numbers and lists as a report writes them.

use serde_json::Value;

use crate::text::count::count;

/// Most entries that a sentence names.
const NAMED: usize = 4;

/// Returns `value` with at most four significant digits, for labels and axes.
pub fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    match rounded.abs() {
        size if size != 0.0 && !(1e-4..1e7).contains(&size) => format!("{rounded:e}"),
        _ => format!("{rounded}"),
    }
}

/// Returns the value of a setting in short form: strings bare, numbers with few digits.
pub fn setting(value: &Value) -> String {
    match value {
        Value::Null => "unset".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map(short).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// Returns how many digits after the point show a score whose task has this range.
pub fn decimals(range: f64) -> usize {
    match range {
        range if range >= 100.0 => 1,
        range if range >= 10.0 => 2,
        range if range >= 1.0 => 3,
        _ => 4,
    }
}

/// Returns `value` with a minus sign that is one, and no negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.into(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// Returns `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().into(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// Returns the `labels` of entries as a list, or how many there are where they are many.
pub fn names(labels: &[&str]) -> String {
    match labels.len() {
        0..=NAMED => list(labels),
        many => count(many, "entry"),
    }
}

/// Returns a number of bytes as people read it.
pub fn memory(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.0} MB", bytes / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_real_minus_signs() {
        for (value, text) in
            [(0.001, "0.001"), (0.000_341_234, "0.0003412"), (1e-5, "1e-5"), (5e6, "5000000")]
        {
            assert_eq!(short(value), text);
        }
        assert_eq!(
            (short(0.0), short(-2.5), short(3e9)),
            ("0".into(), "-2.5".into(), "3e9".into())
        );
        assert_eq!((fixed(-1.25, 1), fixed(-0.01, 1)), ("−1.2".to_string(), "0.0".to_string()));
        assert_eq!(memory(1_500_000_000), "1.5 GB");
    }

    #[test]
    fn lists_and_counts_read_as_sentences() {
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(names(&["a", "b", "c", "d"]), "a, b, c and d");
        assert_eq!(names(&["a", "b", "c", "d", "e"]), "5 entries");
    }

    #[test]
    fn settings_are_bare_and_lists_stay_lists() {
        assert_eq!(setting(&serde_json::json!("spo")), "spo");
        assert_eq!(setting(&serde_json::json!([32, 32])), "[32,32]");
        assert_eq!(setting(&serde_json::json!(0.25)), "0.25");
        assert_eq!(setting(&serde_json::json!(100000000)), "100000000");
    }
}
