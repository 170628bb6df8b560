//! Numbers of things, in words.

/// Returns `n` with the name of what is counted: `1 run`, `2 runs`, `2 entries`.
pub fn count(n: usize, what: &str) -> String {
    let several = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    format!("{n} {}", if n == 1 { what } else { several.as_str() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_none_are_several() {
        assert_eq!([0, 1, 2].map(|n| count(n, "run")), ["0 runs", "1 run", "2 runs"]);
        assert_eq!([1, 2].map(|n| count(n, "entry")), ["1 entry", "2 entries"]);
    }
}
