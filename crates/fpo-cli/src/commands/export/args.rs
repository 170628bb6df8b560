//! What `fpo export` can be asked for.

use std::path::PathBuf;

use clap::Args;

use crate::commands::number_arg::whole;

/// The arguments of `fpo export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Folder of a run, of which the newest checkpoint is taken, or a policy file
    #[arg(value_name = "RUN_OR_FILE")]
    pub policy: PathBuf,
    /// Where to write: FILE.safetensors, the policy; FILE.onnx, its graph; or a folder, which gets
    /// the policy and a model card, README.md, for sharing
    #[arg(short, long, alias = "out", value_name = "FILE_OR_FOLDER")]
    pub output: PathBuf,
    /// Also write the graph, policy.onnx, to the folder
    #[arg(long)]
    pub onnx: bool,
    /// Rows of the graph's inputs [default: any number of rows]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole(1..=1u32 << 20))]
    pub batch: Option<u32>,
    /// Licence under which the folder is shared, as Hugging Face spells it, such as apache-2.0
    /// [default: the card says that it is unknown]
    #[arg(long, value_name = "ID", value_parser = license)]
    pub license: Option<String>,
    /// Episodes to play for the card; 0 plays none, and the card then has no return of its own
    /// [default: 128]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole(0..=1u32 << 20))]
    pub episodes: Option<u32>,
    /// Seed of these episodes [default: one million above the run's `eval.seed`, else 2000000: none
    /// that training has used]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
          value_parser = whole(0..=u64::MAX))]
    pub seed: Option<u64>,
}

impl ExportArgs {
    /// Returns the rows of the graph's inputs, if they are fixed.
    pub(super) fn rows(&self) -> Option<usize> {
        self.batch.map(|rows| rows as usize)
    }
}

/// Reads the identifier of a licence. It goes into the card's front matter as it is.
fn license(text: &str) -> Result<String, String> {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "-.+_".contains(letter);
    match !text.is_empty() && text.len() <= 60 && text.chars().all(known) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected an identifier of letters, digits, `-`, `.`, `+` and `_`, such as \
                      apache-2.0, mit or cc-by-4.0"
            .into()),
    }
}
