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

#[cfg(unix)]
#[test]
fn a_stream_without_an_end_and_files_without_number_are_refused() {
    let endless = folder(&[("c.toml", "include = ['/dev/zero']")]);
    let error = Config::load(&[endless.path().join("c.toml")], &[]).unwrap_err().to_string();
    assert!(error.contains("/dev/zero") && error.contains("longer than 1048576"), "{error}");

    let files: Vec<(String, String)> = (0..22)
        .map(|k| (format!("{k}.toml"), format!("include = ['{0}.toml', '{0}.toml']", k + 1)))
        .chain([("22.toml".into(), "env.task = 'A'".into())])
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (&name[..], &text[..])).collect();
    let doubling = folder(&files);
    let error = Config::load(&[doubling.path().join("0.toml")], &[]).unwrap_err().to_string();
    assert!(error.contains("more than 1000 files are included"), "{error}");
}

#[test]
fn names_in_standard_input_are_relative_to_the_working_directory() {
    for path in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0", "run.toml"] {
        assert_eq!(folder_of(Path::new(path)), Path::new(""), "{path}");
    }
    assert_eq!(folder_of(Path::new("configs/run.toml")), Path::new("configs"));
}
