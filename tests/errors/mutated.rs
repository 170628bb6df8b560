//! Whatever reads a file or a flag is given right inputs with mistakes made in them: it never
//! panics, and either reads what is there or says where the mistake is.
//!
//! The mistakes are drawn from a fixed seed, so that every run makes the same ones. The fuzz
//! targets in `crates/fpo-cli/fuzz` look for others.

use std::path::Path;

use candle_core::Device;
use fpo_cli::config::resolved::Config;
use fpo_cli::results::from_run::MetricsLine;
use fpo_cli::results::row::Row;
use fpo_cli::run::checkpoint_files::CheckpointFiles;
use fpo_cli::run::dir::RunDir;
use fpo_cli::run::metrics::kept::Kept;
use fpo_cli::sweep::file::SweepFile;
use fpo_cli::terminal::failure::describe;
use fpo_cli::training::checkpoint;
use fpo_core::{PolicyFile, TensorFile};
use tempfile::tempdir;

use crate::common::{root, small_config, succeed};

/// What is put into an input besides pieces of itself.
const PIECES: [&str; 20] = [
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "18446744073709551616",
    "9223372036854775807",
    "1e-320",
    "true",
    "null",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    "\n",
    "\u{e9}",
];

/// Draws numbers: SplitMix64.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % bound as u64) as usize
    }

    /// Makes one to three mistakes: a piece is cut out, doubled, moved or replaced, or a bit flips.
    fn mistaken(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let start = self.below(bytes.len().max(1));
            let end = (start + self.below(16)).min(bytes.len());
            let piece = bytes[start..end].to_vec();
            match self.below(5) {
                0 => drop(bytes.splice(start..end, [])),
                1 => drop(bytes.splice(end..end, piece)),
                2 => {
                    let place = self.below(bytes.len() + 1);
                    bytes.splice(place..place, piece);
                }
                3 => drop(bytes.splice(start..end, PIECES[self.below(PIECES.len())].bytes())),
                _ if bytes.is_empty() => {}
                _ => bytes[start] ^= 1 << self.below(8),
            }
        }
        bytes
    }

    fn mistaken_text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.mistaken(text.as_bytes())).into_owned()
    }
}

/// A reader must not refuse everything, nor take everything.
fn require_both(good: usize, bad: usize) {
    assert!(good > 0 && bad > 0, "{good} inputs were read and {bad} refused");
}

fn require_words(error: &anyhow::Error, words: &[&str], input: &str) {
    let text = describe(error);
    assert!(words.iter().all(|word| text.contains(word)), "no {words:?} in {text}, of\n{input}");
}

#[test]
fn a_mistaken_configuration_is_read_as_it_stands_or_its_field_or_line_is_named() {
    let mut draws = Draws(1);
    let (mut good, mut bad) = (0, 0);
    for file in ["configs/desk/base.toml", "configs/gridworld/two_walls.toml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        // A task's file says the task; a base file leaves that open.
        let text = text.replace("num_envs = 128", "num_envs = 128\ntask = \"Any\"");
        Config::from_toml_str(&text, "right.toml").unwrap();
        for _ in 0..1500 {
            let text = draws.mistaken_text(&text);
            match Config::from_toml_str(&text, "mistaken.toml") {
                Ok(config) => {
                    let written = config.to_toml().unwrap();
                    assert_eq!(Config::from_toml_str(&written, "written").unwrap(), config);
                    good += 1;
                }
                Err(error) => {
                    let is_place = |text: &str| text.contains('`') || text.contains("toml:");
                    assert!(is_place(&error.to_string()), "{error} names no place, of\n{text}");
                    require_words(&error.into(), &["mistaken.toml"], &text);
                    bad += 1;
                }
            }
        }
    }
    require_both(good, bad);
}

#[test]
fn a_mistaken_override_is_laid_over_the_file_or_named() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let mut draws = Draws(2);
    let (mut good, mut bad) = (0, 0);
    for right in ["train.total_steps=2048", "policy.hidden=[32, 32]", "algorithm.kind=\"ppo\""] {
        for _ in 0..500 {
            let text = draws.mistaken_text(right);
            match Config::load(&[&config], std::slice::from_ref(&text)) {
                Ok(_) => good += 1,
                Err(error) => {
                    require_words(&error.into(), &["--set"], &text);
                    bad += 1;
                }
            }
        }
    }
    require_both(good, bad);
}

#[test]
fn a_mistaken_sweep_is_read_as_it_stands_or_the_file_is_named() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("mistaken.toml");
    let mut draws = Draws(3);
    let (mut good, mut bad) = (0, 0);
    for file in ["desk_benchmark.toml", "ppo_search.toml"] {
        let text = std::fs::read_to_string(root().join("configs/sweeps").join(file)).unwrap();
        for _ in 0..400 {
            let text = draws.mistaken_text(&text);
            std::fs::write(&path, &text).unwrap();
            match SweepFile::read(&path) {
                Ok(_) => good += 1,
                Err(error) => {
                    require_words(&error, &["mistaken.toml"], &text);
                    bad += 1;
                }
            }
        }
    }
    require_both(good, bad);
}

#[test]
fn a_mistaken_log_is_kept_as_far_as_it_is_whole() {
    let text: String = (0..6)
        .map(|i| {
            format!("{{\"step\":{},\"train/kl\":0.5,\"eval/episode_return_mean\":{i}}}\n", 8 * i)
        })
        .collect();
    let recorded: Vec<u64> = (0..6).map(|i| 8 * i).collect();
    assert_eq!(Kept::of(text.as_bytes(), &recorded).text, text.as_bytes());
    let mut draws = Draws(4);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..2000 {
        let log = draws.mistaken(text.as_bytes());
        let kept = Kept::of(&log, &recorded);
        let again = Kept::of(&kept.text, &recorded);
        assert_eq!((&again.text, again.damaged.len()), (&kept.text, 0), "of {log:?}");
        for line in String::from_utf8_lossy(&log).lines() {
            match MetricsLine::parse(line) {
                Some(_) => good += 1,
                None => bad += 1,
            }
            assert!(Row::from_line(line).is_err(), "a line of metrics is no row of results");
        }
    }
    require_both(good, bad);
}

/// The bytes of the policy and the folder of the newest checkpoint of a small run in `folder`.
fn trained(folder: &Path) -> (Vec<u8>, CheckpointFiles) {
    let config = small_config(folder, "GridWorld/two_walls");
    let args = ["train", config.to_str().unwrap(), "--out", "run"];
    let sets = ["--set", "policy.hidden=[8]", "--set", "value.hidden=[8]"];
    succeed(folder, &[&args[..], &sets].concat());
    let run = folder.join("run");
    let files = CheckpointFiles::latest_good(&RunDir::at(&run)).unwrap().found.unwrap();
    (std::fs::read(run.join("policy.safetensors")).unwrap(), files)
}

#[test]
fn a_mistaken_policy_or_checkpoint_is_refused_or_the_same() {
    let dir = tempdir().unwrap();
    let (policy, files) = trained(dir.path());
    let whole = TensorFile::from_bytes(&policy).unwrap();
    let mut draws = Draws(5);
    for _ in 0..1500 {
        let bytes = draws.mistaken(&policy);
        if PolicyFile::from_bytes(&bytes, &Device::Cpu).is_ok() {
            // Such as another space in the header, outside of what the digest covers.
            assert_eq!(TensorFile::from_bytes(&bytes).unwrap(), whole);
        }
    }

    // What is behind the digest: the same tensors with other metadata.
    let text = whole.metadata.clone().unwrap();
    let at = text.find(",\"sha256\"").unwrap();
    let text = format!("{}}}", &text[..at]);
    let described = |text: String| {
        let mut file = whole.clone();
        file.metadata = Some(text);
        PolicyFile::from_bytes(&file.to_bytes().unwrap(), &Device::Cpu)
    };
    assert!(!described(text.clone()).unwrap().has_digest);
    for name in ["obs_dim", "action_dim"] {
        // Sizes of layers that are made of it would overflow.
        let (right, huge) = (format!("\"{name}\":2"), format!("\"{name}\":{}", usize::MAX));
        let error = described(text.replace(&right, &huge)).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("1 to 1048576"), "{error}");
    }
    let (mut good, mut bad) = (0, 0);
    for _ in 0..1500 {
        match described(draws.mistaken_text(&text)) {
            Ok(file) => {
                file.actor().unwrap();
                good += 1;
            }
            Err(_) => bad += 1,
        }
    }
    require_both(good, bad);

    // The files of a checkpoint with a manifest that fits them.
    let config = Config::load(&[dir.path().join("run/config.toml")], &[]).unwrap();
    let names = ["state.json", "learner.safetensors"];
    let (mut good, mut bad) = (0, 0);
    for turn in 0..120 {
        let mistaken = draws.mistaken(files.file(names[turn % 2]).unwrap());
        let content = |at: usize| match at == turn % 2 {
            true => mistaken.as_slice(),
            false => files.file(names[at]).unwrap(),
        };
        let run = RunDir::at(&dir.path().join("mistaken"));
        std::fs::create_dir_all(run.root()).unwrap();
        let both = [(names[0], content(0)), (names[1], content(1))];
        let folder = CheckpointFiles::write(&run, 8, &both, 1).unwrap();
        match checkpoint::learnt(&CheckpointFiles::read(&folder).unwrap(), &config) {
            Ok(_) => good += 1,
            Err(error) => {
                require_words(&error, &["checkpoint", "step_000000000008"], "a checkpoint");
                bad += 1;
            }
        }
    }
    require_both(good, bad);
}
