//! Compares shown output with real output in what is stable: numbers count as equal, and `…` stands
//! for anything.

/// Returns a text whose numbers, times and runs of spaces are masked.
fn masked(text: &str) -> String {
    let letters: Vec<char> = text.trim_end().chars().collect();
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut found = String::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let before = if at == 0 { ' ' } else { letters[at - 1] };
        let signs_number = "+-−".contains(*letter) && is_digit(at + 1);
        // Digits within a word, as in `f32` or `avx512`, belong to its name.
        if (is_digit(at) || signs_number) && !before.is_alphanumeric() {
            at += 1;
            while is_digit(at) || (matches!(letters.get(at), Some('.' | ',')) && is_digit(at + 1)) {
                at += 1;
            }
            found.push('#');
            continue;
        }
        if *letter != ' ' || before != ' ' {
            found.push(*letter);
        }
        at += 1;
    }
    found
}

/// Returns whether a line of output is the line that is shown.
pub fn is_shown(shown: &str, real: &str) -> bool {
    let real = masked(real);
    let pieces: Vec<String> = shown.split('…').map(masked_piece).collect();
    let (first, rest) = pieces.split_first().unwrap();
    let Some(mut left) = real.strip_prefix(first.as_str()) else { return false };
    for (index, piece) in rest.iter().enumerate() {
        let is_last = index + 1 == rest.len();
        let at = if is_last {
            left.ends_with(piece.as_str()).then(|| left.len() - piece.len())
        } else {
            left.find(piece.as_str())
        };
        let Some(at) = at else { return false };
        left = &left[at + piece.len()..];
    }
    !rest.is_empty() || left.is_empty()
}

/// Masks a piece between ellipses, which may begin and end with spaces.
fn masked_piece(piece: &str) -> String {
    let text = masked(&format!("{piece}|"));
    text.strip_suffix('|').unwrap().to_owned()
}

/// Returns the first shown line that the output does not have, in order; `…` alone skips lines.
pub fn first_missing<'a>(shown: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    shown
        .iter()
        .map(String::as_str)
        .filter(|line| line.trim() != "…" && !line.trim().is_empty())
        .find(|line| !lines.any(|real| is_shown(line, real)))
}

#[test]
fn numbers_count_as_equal_and_words_do_not() {
    assert!(is_shown("return 20.0 ± 0.0, 1,024 steps", "return -3.5 ± 0.25, 99 steps"));
    assert!(!is_shown("return 20.0", "return 20.0 and more"));
    assert!(!is_shown("avx2 kernels", "avx512 kernels"));
    assert!(is_shown("fpo … kernels, …", "fpo 0.1 · avx512 kernels, f32"));
    assert!(!is_shown("fpo … kernels", "fpo 0.1 · avx512 kernel"));
    assert!(is_shown("step      0  return", "step  204800  return"));
    let shown = ["a 1".to_owned(), "…".into(), "c".into()];
    assert_eq!(first_missing(&shown, "a 2\nb\nc\n"), None);
    assert_eq!(first_missing(&shown, "c\na 2\n"), Some("c"));
}
