//! Tests of configurations that come from a pipe.

use std::path::Path;
use std::process::Command;
use std::thread;

use super::*;
use crate::config::files::folder_of;

#[cfg(unix)]
#[test]
fn a_pipe_is_read_and_has_the_working_directory_for_its_folder() {
    let folder = folder(&[("base.toml", "env.task = 'A'\ntrain.seed = 3")]);
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let base = folder.path().join("base.toml");
    let (into, text) =
        (pipe.clone(), format!("include = ['{}']\ntrain.num_epochs = 2", base.display()));
    let writer = thread::spawn(move || fs::write(into, text).unwrap());
    let config = Config::load(&[&pipe], &[]).unwrap();
    writer.join().unwrap();
    assert_eq!((config.train.seed, config.train.num_epochs), (3, 2));
    assert_eq!(folder_of(&pipe), Path::new(""));
    assert_eq!(folder_of(&base), folder.path());
}

#[test]
fn names_in_standard_input_are_relative_to_the_working_directory() {
    for path in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0", "run.toml"] {
        assert_eq!(folder_of(Path::new(path)), Path::new(""), "{path}");
    }
    assert_eq!(folder_of(Path::new("configs/run.toml")), Path::new("configs"));
}
