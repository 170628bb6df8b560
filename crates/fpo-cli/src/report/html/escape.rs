//! Text in the page. The page is XML too, so that any parser can read it.

/// Returns `text` as content of an element or of an attribute in double quotes. Characters that XML
/// cannot hold become U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => found.push_str("&amp;"),
            '<' => found.push_str("&lt;"),
            '>' => found.push_str("&gt;"),
            '"' => found.push_str("&quot;"),
            '\'' => found.push_str("&#39;"),
            '\n' | '\t' => found.push(' '),
            '\u{fffe}' | '\u{ffff}' => found.push('\u{fffd}'),
            letter if letter.is_control() => found.push('\u{fffd}'),
            letter => found.push(letter),
        }
    }
    found
}

/// Returns at most `most` characters of `text`, with "…" in place of what is cut.
pub fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_markup_or_forbidden() {
        assert_eq!(escaped("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
        assert_eq!(escaped("a\u{7}b\nc\u{ffff}"), "a\u{fffd}b c\u{fffd}");
        assert_eq!((cut("abcd", 4), cut("äöüß", 3)), ("abcd".into(), "äö…".into()));
    }
}
