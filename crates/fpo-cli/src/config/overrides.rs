//! The values of overrides, which people type and shells pass on.

use toml::{Table, Value};

/// Returns the value of an override: the parsed value if `text` is TOML, a number if it is one in
/// a spelling that TOML lacks, else the text itself.
pub(crate) fn override_value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}"));
    let value = match parsed {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => loose_number(text),
    };
    value.unwrap_or_else(|| Value::String(text.into()))
}

/// Returns the number that people mean by a `text` that TOML does not take for one: `.001`, `1.`,
/// `007`. Returns `None` for other texts, and for a whole number that is too large.
fn loose_number(text: &str) -> Option<Value> {
    let is_numeric = |letter: char| letter.is_ascii_digit() || "+-._eE".contains(letter);
    if !text.chars().all(is_numeric) {
        return None;
    }
    let digits = text.replace('_', "");
    match digits.contains(['.', 'e', 'E']) {
        true => digits.parse().ok().map(Value::Float),
        false => digits.parse().ok().map(Value::Integer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them_and_all_else_is_text() {
        for (text, expected) in [
            (".001", 0.001),
            ("-.5", -0.5),
            ("+.5e-3", 0.0005),
            ("1.", 1.0),
            ("1.e5", 1e5),
            ("1e6", 1e6),
            ("1_000.", 1000.0),
        ] {
            assert_eq!(override_value(text), Value::Float(expected), "{text}");
        }
        for (text, expected) in [("+1", 1), ("007", 7), ("-08", -8), ("1_000", 1000), ("0x1f", 31)]
        {
            assert_eq!(override_value(text), Value::Integer(expected), "{text}");
        }
        for text in ["", ".", "-", "e", "1e", "1.2.3", "5e5e5", "1,000", "none", "a = 1\nb = 2"] {
            assert_eq!(override_value(text), Value::String(text.into()));
        }
        let large = "9223372036854775808";
        assert_eq!(override_value(large), Value::String(large.into()));
    }
}
