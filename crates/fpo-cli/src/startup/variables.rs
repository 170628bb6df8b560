//! The environment variables that say how commands compute.
//!
//! A wrong value is a mistake of whoever set it, as a wrong flag is: it ends the command, and is
//! never passed over without a word.

use std::ffi::OsStr;

use fpo_core::Isa;

use crate::terminal::failure::UsageError;

/// Both say how many threads there are, and both reach rayon; the first wins. The second is an old
/// name, which rayon still takes.
pub const THREADS: [&str; 2] = ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"];

/// Returns the variable that says how many threads there are, and its value, if one is set.
///
/// # Errors
/// If the value of any of them is wrong, even where another wins. Says what would be right.
pub fn threads() -> Result<Option<(&'static str, usize)>, UsageError> {
    let mut found = None;
    for name in THREADS {
        if let Some(value) = std::env::var_os(name) {
            let number = number_of_threads(name, &value)?;
            found = found.or(Some((name, number)));
        }
    }
    Ok(found)
}

/// Returns the instruction set that `FPO_SIMD` forces, if it is set.
///
/// # Errors
/// If there is no such set, or the processor lacks it. Says which it has.
pub fn instruction_set() -> Result<Option<Isa>, UsageError> {
    Isa::forced().map_err(|error| UsageError(error.to_string()))
}

/// Returns the number in `value`; 0 stands for as many as the machine has.
fn number_of_threads(name: &str, value: &OsStr) -> Result<usize, UsageError> {
    let most = rayon::max_num_threads();
    let number = value.to_str().and_then(|text| text.parse().ok());
    number.filter(|number| *number <= most).ok_or_else(|| {
        UsageError(format!(
            "the environment variable {name} is `{}`; allowed: a whole number from 1 to {most}, or \
             0 for as many as the machine has",
            value.to_string_lossy()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_threads_is_whole_and_no_more_than_a_pool_can_have() {
        let number = |text: &str| number_of_threads("RAYON_NUM_THREADS", OsStr::new(text));
        assert_eq!(number("0").unwrap(), 0);
        assert_eq!(number("12").unwrap(), 12);
        let most = rayon::max_num_threads();
        assert_eq!(number(&most.to_string()).unwrap(), most);
        for wrong in ["abc", "", " 2", "2.0", "-1", "1e3", "99999999999999999999"] {
            let error = number(wrong).unwrap_err().to_string();
            for word in ["RAYON_NUM_THREADS", &format!("`{wrong}`"), "whole number from 1 to"] {
                assert!(error.contains(word), "no {word:?} in {error}");
            }
        }
        assert!(number(&(most + 1).to_string()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_number_of_threads_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let error = number_of_threads("RAYON_RS_NUM_CPUS", OsStr::from_bytes(b"\xff2"));
        assert!(error.unwrap_err().to_string().contains("RAYON_RS_NUM_CPUS"));
    }
}
