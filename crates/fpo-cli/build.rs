//! Lets the `fpo` binary and its tests find MuJoCo's library, and tells the program which commit,
//! compiler and Candle it is made of.
//!
//! The program looks for the library in `../lib/fpo` beside its own folder first, which is where a
//! release archive has it, and then where `scripts/setup.sh` put it. `FPO_RELOCATABLE=1` leaves the
//! second place out, so that a program made for other machines names no folder of this one.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=MUJOCO_DYNAMIC_LINK_DIR");
    println!("cargo::rerun-if-env-changed=FPO_RELOCATABLE");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_MUJOCO").is_some() {
        find_mujoco();
    }
    let facts = [("FPO_COMMIT", commit()), ("FPO_RUSTC", rustc()), ("FPO_CANDLE", candle())];
    for (name, value) in facts {
        if let Some(value) = value {
            println!("cargo::rustc-env={name}={value}");
        }
    }
}

/// Writes into the program where it finds MuJoCo's library.
fn find_mujoco() {
    let macos = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "macos");
    let own_folder = if macos { "@loader_path" } else { "$ORIGIN" };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{own_folder}/../lib/fpo");
    let relocatable = std::env::var_os("FPO_RELOCATABLE").is_some_and(|value| value == "1");
    if !relocatable && let Some(folder) = std::env::var_os("MUJOCO_DYNAMIC_LINK_DIR") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.to_string_lossy());
    }
}

/// The commit of the sources, with `+` where they were changed since; none outside a repository.
fn commit() -> Option<String> {
    // Unpacked inside somebody else's repository, the sources have no commit.
    output("git", &["rev-parse", "--show-prefix"]).filter(|place| place == "crates/fpo-cli/")?;
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let log = output("git", &["rev-parse", "--git-path", "logs/HEAD"])?;
    let sources = ["../../crates", "../../Cargo.lock"];
    for path in [log.as_str()].into_iter().chain(sources).filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
    let status = ["status", "--porcelain", "--untracked-files=no", "--"];
    let changes = output("git", &[&status[..], &sources].concat())?;
    Some(if changes.is_empty() { commit } else { format!("{commit}+") })
}

fn rustc() -> Option<String> {
    output(&std::env::var("RUSTC").ok()?, &["--version"])
}

/// The version of Candle that Cargo.lock names.
fn candle() -> Option<String> {
    let lock = "../../Cargo.lock";
    println!("cargo::rerun-if-changed={lock}");
    let text = std::fs::read_to_string(lock).ok()?;
    let (_, after) = text.split_once("name = \"candle-core\"\nversion = \"")?;
    Some(after.split_once('"')?.0.into())
}

/// What a program prints, trimmed, if it ends well.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
