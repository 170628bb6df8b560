//! A policy file. Text that begins with a brace takes the place of the metadata of a whole policy,
//! without its digest, so that what is behind the digest is reached; anything else is a whole file.

use std::sync::LazyLock;

use candle_core::Device;
use fpo_cli::training::policy_file;
use fpo_core::{PolicyFile, TensorFile};

static WHOLE: LazyLock<TensorFile> = LazyLock::new(|| {
    let bytes = policy_file::trained(&super::trainer());
    let bytes = bytes.unwrap_or_else(|error| panic!("the small policy: {error:#}"));
    TensorFile::from_bytes(&bytes).unwrap_or_else(|error| panic!("the small policy: {error}"))
});

/// Feeds one input; panics where it finds a fault.
pub fn feed(bytes: &[u8]) {
    let bytes = match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('{') => {
            let mut file = WHOLE.clone();
            file.metadata = Some(text.to_owned());
            file.to_bytes().unwrap_or_else(|error| panic!("not written: {error}"))
        }
        _ => bytes.to_vec(),
    };
    let Ok(file) = PolicyFile::from_bytes(&bytes, &Device::Cpu) else { return };
    // What was read must work: it acts, and can be written again.
    let actor = file.actor().unwrap_or_else(|error| panic!("no actor: {error}"));
    let _ = (actor, policy_file::starts(&file.info));
}
