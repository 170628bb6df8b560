//! Runs the commands of the documentation.
//!
//! Every command of `fpo` must be one that the program knows. Those of [`READ_ONLY`] take long, or
//! need what only a long one makes, and are only read; all others are run, page by page, in a
//! folder with links to what the repository has. A command that shows nothing must end well. A
//! training is cut short, which changes no line but in its numbers.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use fpo_cli::commands::Cli;
use tempfile::{TempDir, tempdir};

use crate::common::root;
use crate::output::first_missing;
use crate::pages::{commands, pages};

/// Commands that are not run, each with the reason; one that ends in `…` stands for all that begin
/// so.
const READ_ONLY: [(&str, &str); 39] = [
    ("fpo bench …", "measures for minutes"),
    ("fpo doctor --caches", "measures for seconds, and shows nothing here"),
    ("fpo doctor", "says what this machine has, and another has other things"),
    ("fpo sweep configs/sweeps/…", "makes many long runs"),
    ("fpo sweep s.toml", "stands for a file of the reader's"),
    ("fpo figure gridworld runs/gridworld_ways/…", "needs the runs of a sweep"),
    ("fpo report runs/…", "needs the runs of a long sweep"),
    ("fpo report docs/results/first_look.jsonl", "shows nothing; tests/report.rs reads the rows"),
    ("fpo train CartpoleBalance …", "trains until a Ctrl-C"),
    ("fpo train CheetahRun …", "trains long"),
    ("fpo train configs/gridworld/two_walls.toml --init …", "tests/fine_tune.rs has it"),
    (
        "fpo train configs/gridworld/two_walls.toml configs/gridworld/methods/ppo.toml --init …",
        "fails",
    ),
    ("fpo train two_walls fpo_nats", "fails, which tests/first_contact.rs looks at"),
    ("fpo train CheetaRun", "fails, which tests/first_contact.rs looks at"),
    ("fpo watch …", "needs a run of another page; tests/dashboard.rs has them"),
    ("fpo list", "shows how runs stand and how old they are; tests/first_contact.rs has it"),
    ("fpo completions …", "writes into the reader's folders"),
    ("fpo man -o …", "writes into the reader's folders"),
    ("fpo render …", "needs policies of other pages and a renderer; tests/render.rs has them"),
    ("fpo export runs/two_walls-seed0 -o …", "needs a run; tests/sharing.rs has them"),
    ("fpo eval CheetahRun-fpo.safetensors --latency", "measures"),
    ("fpo export policy.safetensors -o policy.onnx", "needs a policy; tests/onnx.rs has them"),
    ("fpo eval policy.safetensors --episodes 8 --record …", "needs a policy of CheetahRun"),
    ("python3 -m venv …", "fetches from the network"),
    ("python3 scripts/check_onnx.py …", "needs ONNX Runtime"),
    (
        "python3 scripts/conditioning_figure.py …",
        "needs a long sweep; tests/conditioning.rs has one",
    ),
    ("python3 scripts/cost_model.py …", "needs measurements; tests/bench.rs has them"),
    ("python3 scripts/play_…", "needs the suite or the Playground"),
    ("fpo train configs/desk/cartpole_balance.toml --set train.num_epochs=2 …", "trains long"),
    ("fpo train configs/desk/cheetah_run.toml …", "trains long"),
    ("fpo train configs/desk/cheetah_run.toml", "trains long"),
    ("fpo train configs/paper/…", "trains for hours"),
    ("fpo train --resume …", "needs an interrupted run; tests/recovery.rs has them"),
    ("scripts/setup.sh", "fetches from the network"),
    ("scripts/cluster/slurm.sh …", "needs root and Slurm"),
    ("scripts/test.sh", "runs the tests"),
    ("scripts/release.sh", "builds for minutes"),
    ("scripts/book.sh", "needs mdBook"),
    ("scripts/gpu/pack.sh", "builds the kit; tests/gpu_kit.rs is about it"),
];
/// Programs other than `fpo` whose commands are not run.
const OTHERS: [&str; 16] = [
    "cargo",
    "cd",
    "docker",
    "echo",
    "export",
    "git",
    "logs/bin/python",
    "mkdir",
    "mpi/bin/mpirun",
    "mpirun",
    "parallel",
    "pip",
    "python3.11",
    "sbatch",
    "srun",
    "tar",
];
/// Overrides that cut a training of the documentation short.
const SHORT: [&str; 4] = ["--set", "train.total_steps=6144", "--set", "eval.episodes=32"];

/// Returns the words of a command, without `VARIABLE=value` before it; quotation marks hold words
/// together.
fn words(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quoted = None;
    for letter in line.chars().chain([' ']) {
        match (quoted, letter) {
            (Some(mark), _) if mark == letter => quoted = None,
            (None, '\'' | '"') => quoted = Some(letter),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => found.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    let is_variable = |word: &String| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    found.into_iter().skip_while(is_variable).collect()
}

/// Returns the command as one of `fpo` where it is one by another name.
fn plain(line: &str) -> String {
    let names = ["target/release/fpo ", "scripts/fpo.sh "];
    let rest = names.iter().find_map(|name| line.strip_prefix(name));
    rest.map_or(line.to_owned(), |rest| format!("fpo {rest}"))
}

/// Returns the entry of [`READ_ONLY`] that is about a command.
fn read_only(line: &str) -> Option<&'static str> {
    let is_about = |entry: &str| match entry.strip_suffix('…') {
        Some(beginning) => line.starts_with(beginning),
        None => line == entry,
    };
    READ_ONLY.iter().map(|(entry, _)| *entry).find(|entry| is_about(entry))
}

#[test]
fn every_command_of_the_documentation_is_known_to_the_program() {
    let mut unused: BTreeSet<&str> = READ_ONLY.iter().map(|(entry, _)| *entry).collect();
    let mut count = 0;
    for (page, text) in pages() {
        for command in commands(&text) {
            let line = plain(&command.line);
            if let Some(entry) = read_only(&line) {
                unused.remove(entry);
            }
            let mut words = words(&line);
            // Where the output goes is for the shell.
            words.truncate(words.iter().position(|word| word == ">").unwrap_or(words.len()));
            let program = words[0].as_str();
            if program == "fpo" {
                let parsed = Cli::try_parse_from(&words).err().map(|error| error.to_string());
                assert_eq!(parsed, None, "{page}: `{line}`");
                count += 1;
            } else if program.starts_with("scripts/") {
                assert!(root().join(program).is_file(), "{page}: there is no {program}");
                assert!(read_only(&line).is_some(), "{page}: say why `{line}` is not run");
            } else {
                let known = program == "python3" || OTHERS.contains(&program);
                assert!(known, "{page}: `{line}` is of no program that is known here");
            }
        }
    }
    assert!(count > 60, "{count}");
    assert!(unused.is_empty(), "no command is {unused:?}");
}

/// Returns a folder with links to what the commands of the documentation name.
fn world() -> TempDir {
    let folder = tempdir().unwrap();
    for name in ["configs", "docs", "scripts", "third_party"] {
        symlink(root().join(name).canonicalize().unwrap(), folder.path().join(name)).unwrap();
    }
    folder
}

/// Runs a command in a folder; returns whether it ended well, and what it printed.
fn run(folder: &Path, words: &[String]) -> (bool, String) {
    let program = if words[0] == "fpo" { env!("CARGO_BIN_EXE_fpo") } else { &words[0] };
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 2>&1", "sh", program]).args(&words[1..]);
    command.current_dir(folder).env("PYTHONPATH", "third_party/python");
    let output = command.env("RAYON_NUM_THREADS", "2").output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Puts the runs and policies that a command names, and that no earlier one made, into its folder.
fn provide(folder: &Path, trained: &Path, words: &[String]) {
    for word in words {
        let (there, here) = (trained.join(word), folder.join(word));
        if here.exists() {
            continue;
        }
        if word.starts_with("runs/") && there.is_dir() {
            fs::create_dir_all(here.parent().unwrap()).unwrap();
            let copied = Command::new("cp").arg("-r").arg(&there).arg(&here).status();
            assert!(copied.unwrap().success());
        } else if word == "policy.safetensors" && words[1] != "export" {
            fs::copy(trained.join("runs/two_walls-seed0").join(word), here).unwrap();
        }
    }
}

#[test]
fn quick_commands_show_what_the_documentation_shows() {
    let trained = world();
    for method in ["", " configs/gridworld/methods/ppo.toml"] {
        let mut train = words(&format!("fpo train configs/gridworld/two_walls.toml{method}"));
        train.extend(SHORT.map(String::from));
        let (ended, output) = run(trained.path(), &train);
        assert!(ended, "{output}");
    }
    let (mut mistakes, mut count) = (Vec::new(), 0);
    for (page, text) in pages() {
        let folder = world();
        for command in commands(&text) {
            let line = plain(&command.line);
            let mut words = words(&line);
            if read_only(&line).is_some() || OTHERS.contains(&words[0].as_str()) {
                continue;
            }
            provide(folder.path(), trained.path(), &words);
            if words[0] == "fpo" && words[1] == "train" {
                words.extend(SHORT.map(String::from));
            }
            let (ended, output) = run(folder.path(), &words);
            count += 1;
            let output = output.replace('\n', "\n  ");
            if let Some(shown) = first_missing(&command.shown, &output) {
                mistakes.push(format!("{page}: `{line}` shows\n  {shown}\nbut prints\n  {output}"));
            } else if command.shown.is_empty() && !ended {
                mistakes.push(format!("{page}: `{line}` fails:\n  {output}"));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n\n"));
    assert!(count > 30, "{count}");
}
