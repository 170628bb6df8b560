//! Words of commands as a shell reads them back, for the commands that the program prints to be
//! pasted.

use std::ffi::OsStr;
use std::path::Path;

/// Returns `word` as a POSIX shell reads it back: bare where that is enough, else in quotes.
///
/// A word with control characters, or with bytes that are no text, stands in `$'…'`, which keeps
/// it on one line.
pub fn quoted(word: &OsStr) -> String {
    let Some(text) = word.to_str().filter(|text| !text.contains(char::is_control)) else {
        let letter = |byte: &u8| match byte {
            b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
            b' '..=b'~' => char::from(*byte).to_string(),
            byte => format!("\\{byte:03o}"),
        };
        let letters: String = word.as_encoded_bytes().iter().map(letter).collect();
        return format!("$'{letters}'");
    };
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./=+:,@%".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Returns `path` as a shell reads it back and no program takes it for a flag.
///
/// ```
/// use std::path::Path;
/// use fpo_cli::text::shell::path;
/// assert_eq!(path(Path::new("runs/my run")), "'runs/my run'");
/// assert_eq!(path(Path::new("-x")), "./-x");
/// ```
pub fn path(path: &Path) -> String {
    match path.as_os_str().as_encoded_bytes().first() {
        Some(b'-') => quoted(Path::new(".").join(path).as_os_str()),
        _ => quoted(path.as_os_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell_only_where_they_must_be() {
        for (word, expected) in [
            ("a/b-1.jsonl", "a/b-1.jsonl"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("~", "'~'"),
            ("läufe", "läufe"),
            ("a\nb'c\\\x1b", "$'a\\012b\\'c\\\\\\033'"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        for word in [&b"my run 2"[..], b"-x", b"a'b", b"$HOME `x`", b"a\n\x1bb\\", b"\xff\xfe \x01"]
        {
            let path = self::path(Path::new(OsStr::from_bytes(word)));
            let output = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {path}")])
                .output()
                .unwrap();
            let dash = if word.starts_with(b"-") { &b"./"[..] } else { b"" };
            let read = std::ffi::OsString::from_vec(output.stdout);
            assert_eq!(read.as_bytes(), [dash, word].concat(), "{path}");
        }
    }
}
