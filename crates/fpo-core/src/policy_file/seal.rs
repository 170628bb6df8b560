//! The digest that a policy file carries, so that a flipped bit is noticed and not played.
//!
//! The JSON of the metadata ends with the entry `sha256`, 64 hexadecimal digits: SHA-256 of the
//! text before `,"sha256":` and, for every array in the order of names, of a line `NAME TYPE SIZES`
//! (sizes joined by commas, then a newline) and of its bytes in little-endian order.

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::policy_file::tensor_file::TensorFile;

const ENTRY: &str = ",\"sha256\":\"";

/// Returns `text`, a JSON object, with the digest of it and of the arrays of `file` at its end.
pub(crate) fn seal(text: &str, file: &TensorFile) -> String {
    let open = text.strip_suffix('}').unwrap_or(text);
    format!("{open}{ENTRY}{}\"}}", digest(open, file))
}

/// Checks the digest at the end of `text`. Returns whether there is one: files of before have none.
///
/// # Errors
/// [`Error::File`] if the digest is not that of the text and the arrays.
pub(crate) fn check(text: &str, file: &TensorFile) -> Result<bool> {
    let Some((open, rest)) = text.rsplit_once(ENTRY) else { return Ok(false) };
    if rest.strip_suffix("\"}") == Some(&digest(open, file)) {
        return Ok(true);
    }
    Err(Error::File("it is damaged: its content does not have the SHA-256 that it names".into()))
}

fn digest(open: &str, file: &TensorFile) -> String {
    let mut hash = Sha256::new();
    hash.update(open);
    for (name, array) in file.arrays() {
        let sizes: Vec<String> = array.shape.iter().map(usize::to_string).collect();
        let (kind, bytes) = array.data.to_bytes();
        hash.update(format!("{name} {kind:?} {}\n", sizes.join(",")));
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_file::tensor_file::Data;

    fn file() -> TensorFile {
        let mut file = TensorFile::default();
        file.insert("b", &[1, 2], Data::F32(vec![0.5, -2.0]));
        file.insert("a", &[1], Data::F32(vec![1.0]));
        file
    }

    #[test]
    fn the_digest_is_that_of_the_text_and_of_all_arrays_in_the_order_of_names() {
        let sealed = seal("{\"x\":1}", &file());
        let content = b"{\"x\":1a F32 1\n\0\0\x80\x3fb F32 1,2\n\0\0\0\x3f\0\0\0\xc0".to_vec();
        let expected: String =
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sealed, format!("{{\"x\":1,\"sha256\":\"{expected}\"}}"));
        assert!(check(&sealed, &file()).unwrap());
        assert!(!check("{\"x\":1}", &file()).unwrap());
    }

    #[test]
    fn any_other_content_is_refused() {
        let sealed = seal("{\"x\":1}", &file());
        let mut other = file();
        other.insert("b", &[2, 1], Data::F32(vec![0.5, -2.0]));
        assert!(check(&sealed, &other).is_err());
        other.insert("b", &[1, 2], Data::F32(vec![0.5, f32::from_bits((-2f32).to_bits() ^ 1)]));
        assert!(check(&sealed, &other).is_err());
        assert!(check(&sealed.replace("\"x\":1", "\"x\":2"), &file()).is_err());
        let last = sealed.len() - 3;
        let flipped = if &sealed[last..=last] == "0" { "1" } else { "0" };
        let damaged = format!("{}{flipped}{}", &sealed[..last], &sealed[last + 1..]);
        assert!(check(&damaged, &file()).is_err());
    }
}
