//! Cuts lines to the width of a terminal, so that each takes one row of it.

/// Returns how many columns a terminal gives to `letter`: two for the wide letters of East Asian
/// scripts and for emoji, one for everything else. Marks that join the letter before them take
/// none, but to count them only cuts a line early.
fn columns(letter: char) -> usize {
    let is_wide = matches!(
        u32::from(letter),
        0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1_f300..=0x1_faff
            | 0x2_0000..=0x3_fffd
    );
    if is_wide { 2 } else { 1 }
}

/// Returns how many columns `text` takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Returns `line` if it takes at most `width` columns, else as much of its beginning as does with
/// an ellipsis behind it.
pub fn fitted(line: &str, width: usize) -> String {
    if self::width(line) <= width {
        return line.into();
    }
    let (mut taken, mut left) = (String::new(), width.saturating_sub(1));
    for letter in line.chars() {
        let Some(rest) = left.checked_sub(columns(letter)) else { break };
        left = rest;
        taken.push(letter);
    }
    if width > 0 {
        taken.push('…');
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_only_where_they_are_too_wide() {
        for (line, width, expected) in [
            ("12345", 5, "12345"),
            ("123456", 5, "1234…"),
            ("名前名前", 8, "名前名前"),
            ("名前名前", 7, "名前名…"),
            ("名前名前", 6, "名前…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(fitted(line, width), expected, "{line} in {width}");
        }
    }
}
