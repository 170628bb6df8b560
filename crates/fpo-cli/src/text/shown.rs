//! Makes text fit to be shown.
//!
//! Names and messages come from files that others wrote: a policy's metadata, a row of results. A
//! terminal takes orders from control characters, and hides or reorders what stands beside some
//! others, so that these are spelled out (`\n`, `\u{1b}`) wherever text is shown. Text without end
//! would push everything else off the screen, so that long text is cut, with its length beside it.
//!
//! A value that is shown among other text goes through [`shown`]. At the edge, where errors, notes
//! and tables are written, [`line`](fn@line), [`lines`] and [`printable`] stand guard once more
//! over everything.

/// The most characters of a value.
const LONGEST_VALUE: usize = 200;
/// The most characters of a word of a message. Paths are long words that a reader needs whole.
const LONGEST_WORD: usize = 300;
/// The most characters of a message.
const LONGEST_LINE: usize = 1500;

/// Returns whether a terminal shows something else for `letter` than itself: control characters,
/// those that change the direction of text, and those that take no room.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            u32::from(letter),
            0xad | 0x61c
                | 0x180e
                | 0x200b..=0x200f
                | 0x2028..=0x202e
                | 0x2060..=0x206f
                | 0xfeff
                | 0xfff9..=0xfffb
                | 0xe_0000..=0xe_0fff
        )
}

/// Returns `text` with its hidden characters spelled out, all but those that `keep` lists.
fn spelled_out(text: &str, keep: &[char]) -> String {
    let mut found = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if keep.contains(&letter) || !is_hidden(letter) => found.push(letter),
            '\n' | '\r' | '\t' => found.extend(letter.escape_default()),
            letter => found.extend(letter.escape_unicode()),
        }
    }
    found
}

/// Returns `text` if it has at most `most` characters, else its beginning, its length and its end.
fn cut(text: &str, most: usize) -> String {
    // Most text is short, and has no more characters than bytes.
    let count = if text.len() <= most { 0 } else { text.chars().count() };
    if count <= most {
        return text.into();
    }
    let (head, tail) = (most * 2 / 3, most / 4);
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(count - tail).collect();
    format!("{head}… ({count} characters) …{tail}")
}

/// Returns a value, such as a name from a file, as it may stand in a message or a table: in one
/// line, with its hidden characters spelled out, and cut off where it is long.
///
/// ```
/// use fpo_cli::text::shown::shown;
/// assert_eq!(shown("Cart\x1b[31m\npole"), "Cart\\u{1b}[31m\\npole");
/// assert!(shown(&"x".repeat(1_000_000)).ends_with("xxx… (1000000 characters)"));
/// ```
pub fn shown(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST_VALUE {
        return spelled_out(text, &[]);
    }
    let head: String = text.chars().take(LONGEST_VALUE).collect();
    format!("{}… ({count} characters)", spelled_out(&head, &[]))
}

/// Returns a message as one line: hidden characters, line breaks too, are spelled out, and words
/// and messages that are very long lose their middle.
pub fn line(text: &str) -> String {
    let text = spelled_out(text, &[]);
    let words: Vec<String> = text.split(' ').map(|word| cut(word, LONGEST_WORD)).collect();
    cut(&words.join(" "), LONGEST_LINE)
}

/// Returns a message of one or more lines, each as [`line`](fn@line) makes it.
pub fn lines(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Returns a text of any length with its hidden characters spelled out, all but line breaks and
/// tabs.
pub fn printable(text: &str) -> String {
    spelled_out(text, &['\n', '\t'])
}

/// Returns JSON with its hidden characters spelled out as JSON spells them, so that it means the
/// same. Line breaks and tabs stand between its values only.
pub fn json(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for letter in text.chars() {
        if !is_hidden(letter) || matches!(letter, '\n' | '\t') {
            found.push(letter);
            continue;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            found.push_str(&format!("\\u{unit:04x}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_spelled_out_and_all_else_stays() {
        for (text, expected) in [
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("a\r\n\tb\x7f", "a\\r\\n\\tb\\u{7f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}cba\u{2066}\u{200f}", "abc\\u{202e}cba\\u{2066}\\u{200f}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{2028}\u{e0041}", "\\u{2028}\\u{e0041}"),
            ("→ × µ 名前 é \\n", "→ × µ 名前 é \\n"),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(line(text), expected);
        }
        assert_eq!(lines("a\n\x1bb\n"), "a\n\\u{1b}b\n");
        assert_eq!(printable("a\t1\n\x1bb\r\n"), "a\t1\n\\u{1b}b\\r\n");
    }

    #[test]
    fn long_values_are_cut_off_and_say_how_long_they_are() {
        assert_eq!(shown(&"é".repeat(200)), "é".repeat(200));
        let cut = shown(&"é".repeat(201));
        assert_eq!(cut, "é".repeat(200) + "… (201 characters)");
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_its_end() {
        let name = "x".repeat(1_000_000);
        let text = line(&format!("unknown task `{name}`; did you mean `y`?"));
        assert!(text.starts_with("unknown task `xxx") && text.len() < 400, "{text}");
        assert!(text.contains("… (1000003 characters) …"), "{text}");
        assert!(text.ends_with("xxx`; did you mean `y`?"), "{text}");
        let words = line(&format!("from {}to the end", "ab ".repeat(1_000_000)));
        assert!(words.starts_with("from ab ab") && words.ends_with("ab to the end"), "{words}");
        assert!(words.chars().count() < 1500, "{}", words.len());
        let path = format!("/{}", "folder/".repeat(40));
        assert_eq!(line(&path), path);
    }

    #[test]
    fn json_with_hidden_characters_means_the_same() {
        let value = serde_json::json!({"a\u{9b}": "b\u{202e}\u{7f}\u{e0041}\n", "c": [1, "é"]});
        let text = json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.contains("b\\u202e\\u007f\\udb40\\udc41\\n"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
