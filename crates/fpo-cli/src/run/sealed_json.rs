//! JSON files that notice any change of theirs: an object whose last field is its own digest.
//!
//! ```text
//! {
//!   "version": 1,
//!   …
//!   "sha256": "…"        of these bytes with this field empty
//! }
//! ```
//!
//! A file counts only if it is, byte for byte, what would be written for its content.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const SEAL: &str = "sha256";

/// Why sealed bytes are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// They are not as they were written; in words.
    Damaged(String),
    /// They are whole, but of this other version.
    Version(u64),
}

/// The bytes of the file for `content`, which must be a struct of numbers, strings and the like.
///
/// # Errors
/// Where `content` is no JSON object, or has keys that are no strings.
pub fn seal(content: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    sealed(serde_json::from_value(serde_json::to_value(content)?)?)
}

/// The content of a sealed file of `version`, which stands in its field of that name.
///
/// # Errors
/// [`Refused::Damaged`] or [`Refused::Version`].
pub fn open<T: DeserializeOwned>(bytes: &[u8], version: u32) -> Result<T, Refused> {
    let damaged = |error: serde_json::Error| Refused::Damaged(error.to_string());
    let mut content: Map<String, Value> = serde_json::from_slice(bytes).map_err(damaged)?;
    content.remove(SEAL);
    if sealed(content.clone()).map_err(damaged)? != bytes {
        return Err(Refused::Damaged("its own SHA-256 does not fit".into()));
    }
    match content.get("version").and_then(Value::as_u64) {
        Some(found) if found != u64::from(version) => Err(Refused::Version(found)),
        _ => serde_json::from_value(Value::Object(content)).map_err(damaged),
    }
}

/// SHA-256 of `bytes` in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sealed(mut content: Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    content.insert(SEAL.into(), "".into());
    let digest = sha256(&pretty(&content)?);
    content.insert(SEAL.into(), digest.into());
    pretty(&content)
}

fn pretty(content: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(content)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Example {
        version: u32,
        x: f64,
        name: Option<String>,
    }

    fn example() -> Example {
        Example { version: 1, x: -0.1, name: Some("π".into()) }
    }

    #[test]
    fn what_was_sealed_is_opened_and_the_digest_is_that_of_the_bytes_without_it() {
        let bytes = seal(&example()).unwrap();
        assert_eq!(open::<Example>(&bytes, 1).unwrap(), example());
        let text = String::from_utf8(bytes).unwrap();
        let digest = text.split('"').rev().nth(1).unwrap();
        assert_eq!(sha256(text.replace(digest, "").as_bytes()), digest);
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
    }

    #[test]
    fn no_byte_can_change() {
        let whole = seal(&example()).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            let refused = open::<Example>(&bytes, 1);
            assert!(matches!(refused, Err(Refused::Damaged(_))), "byte {place}: {refused:?}");
            assert!(open::<Example>(&whole[..place], 1).is_err(), "cut at {place}");
        }
        assert!(open::<Example>(&[whole, b"\n".to_vec()].concat(), 1).is_err());
    }

    #[test]
    fn another_version_and_another_content_are_told_apart_from_damage() {
        let bytes = seal(&Example { version: 2, ..example() }).unwrap();
        assert_eq!(open::<Example>(&bytes, 1), Err(Refused::Version(2)));
        let bytes = seal(&serde_json::json!({ "version": 1, "y": 0 })).unwrap();
        assert!(matches!(open::<Example>(&bytes, 1), Err(Refused::Damaged(_))));
        assert!(seal(&[1, 2]).is_err());
    }
}
