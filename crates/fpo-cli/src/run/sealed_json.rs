//! JSON files that notice any change of theirs: an object whose last field is its own digest.
//!
//! ```text
//! {
//!   "version": 1,
//!   …
//!   "sha256": "…"        of the bytes of this file with this string left empty
//! }
//! ```
//!
//! The digest is that of the bytes as they lie in the file, so it does not matter how the program
//! that wrote them lays out JSON.

use std::ops::Range;

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

/// Returns the bytes of the file for `content`, a struct of numbers, strings and the like.
///
/// # Errors
/// Where `content` is not a JSON object, or has keys that are not strings.
pub fn seal(content: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut content: Map<String, Value> = serde_json::from_value(serde_json::to_value(content)?)?;
    content.insert(SEAL.into(), "".into());
    let digest = sha256(&pretty(&content)?);
    content.insert(SEAL.into(), digest.into());
    pretty(&content)
}

/// Returns the content of a sealed file of `version`, which stands in its field of that name.
///
/// # Errors
/// [`Refused::Damaged`] or [`Refused::Version`].
pub fn open<T: DeserializeOwned>(bytes: &[u8], version: u32) -> Result<T, Refused> {
    let damaged = |error: serde_json::Error| Refused::Damaged(error.to_string());
    let mut content: Map<String, Value> = serde_json::from_slice(bytes).map_err(damaged)?;
    if !is_sealed(bytes) {
        return Err(Refused::Damaged("its own SHA-256 does not fit".into()));
    }
    content.remove(SEAL);
    match content.get("version").and_then(Value::as_u64) {
        Some(found) if found != u64::from(version) => Err(Refused::Version(found)),
        _ => serde_json::from_value(Value::Object(content)).map_err(damaged),
    }
}

/// Returns SHA-256 of `bytes` in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pretty(content: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(content)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Returns whether the digest at the end of `bytes`, a JSON object, is that of its other bytes.
fn is_sealed(bytes: &[u8]) -> bool {
    let Some(place) = digest_place(bytes) else { return false };
    let without = [&bytes[..place.start], &bytes[place.end..]].concat();
    sha256(&without).as_bytes() == &bytes[place]
}

/// Returns where the digest stands in `bytes`: the value of the last field of the outermost object.
fn digest_place(bytes: &[u8]) -> Option<Range<usize>> {
    // From the end: `}`, the string's quotes, a colon, the name.
    let before = |end: usize, token: &[u8]| {
        let trimmed = bytes[..end].trim_ascii_end();
        trimmed.ends_with(token).then_some(trimmed.len() - token.len())
    };
    let end = before(before(bytes.len(), b"}")?, b"\"")?;
    let start = bytes[..end].iter().rposition(|&byte| byte == b'"')? + 1;
    let colon = before(start - 1, b":")?;
    before(colon, format!("\"{SEAL}\"").as_bytes())?;
    Some(start..end)
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

    /// A checkpoint's manifest as `fpo` 0.1.0 wrote it.
    const WRITTEN: &str = r#"{
  "version": 1,
  "step": 2048,
  "files": {
    "envs.safetensors": {
      "size": 1384,
      "sha256": "491c756096cc00e8218001876a6a2a85c7673b31f0504bc5e315e50ee6da94a6"
    },
    "learner.safetensors": {
      "size": 249844,
      "sha256": "7c2737f112fe9e0e696b47410968415f647c89747586aa8e25de4e30462f6a3a"
    },
    "state.json": {
      "size": 3415,
      "sha256": "daf2fab28130fd9f35b7d77588b2fd960baff5927f344fac668ae615ffc4a8b0"
    }
  },
  "sha256": "58792ed4a545334b7c88bb541b84de860b9ba2c8ef04ef096f3f800f25883fcb"
}
"#;

    #[test]
    fn a_file_that_was_written_before_can_still_be_read() {
        let content: Value = open(WRITTEN.as_bytes(), 1).unwrap();
        assert_eq!(content["step"], 2048);
        assert_eq!(content["files"]["state.json"]["size"], 3415);
        assert!(content.get(SEAL).is_none(), "the digest is not part of the content");
        // The digest of a single file is not that of the whole.
        let unsealed = &WRITTEN[..WRITTEN.rfind(",\n  \"sha256\"").unwrap()];
        let refused = open::<Value>(format!("{unsealed}\n}}\n").as_bytes(), 1);
        assert!(matches!(refused, Err(Refused::Damaged(_))), "{refused:?}");
    }

    #[test]
    fn a_file_may_be_laid_out_in_any_way_as_long_as_its_digest_is_that_of_its_bytes() {
        for text in [
            r#"{"version":1,"x":-1e-1,"name":"π","sha256":""}"#,
            "{ \"version\": 1, \"x\": -0.10, \"name\": \"\\u03c0\",\r\n\t\"sha256\" :\t\"\" }\r\n",
        ] {
            let digest = sha256(text.as_bytes());
            let end = text.rfind('"').unwrap();
            let sealed = format!("{}{digest}{}", &text[..end], &text[end..]);
            assert_eq!(open::<Example>(sealed.as_bytes(), 1), Ok(example()), "{text}");
            let other = sealed.replace("1", "2");
            assert!(matches!(open::<Example>(other.as_bytes(), 1), Err(Refused::Damaged(_))));
        }
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
