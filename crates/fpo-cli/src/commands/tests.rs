//! Tests of the command line's description: the examples of every command's help, and what is
//! made of it for shells and the manual.

use std::path::Path;

use clap::error::ErrorKind;

use super::*;

/// Calls `check` with each command that a user may give, and its whole name.
fn each_command(command: &clap::Command, check: &mut dyn FnMut(&clap::Command)) {
    check(command);
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        each_command(below, check);
    }
}

/// Returns the examples of a command as they would be typed, without what is for the shell.
fn examples_of(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    let typed = |line: &str| {
        let line = line.split(" # ").next().unwrap();
        line.split(" > ").next().unwrap().trim().to_string()
    };
    lines.map(typed).collect()
}

#[test]
fn every_command_ends_its_help_with_examples_that_it_takes() {
    let mut command = Cli::command();
    command.build();
    each_command(&command, &mut |command| {
        let name = command.get_bin_name().unwrap_or("fpo").to_string();
        let examples = examples_of(command);
        assert!((2..=4).contains(&examples.len()), "{name}: {examples:?}");
        for example in &examples {
            assert!(example.starts_with(&name), "an example of {name}: {example}");
            let words: Vec<&str> = example.split_whitespace().collect();
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{example}: {error}");
            }
        }
        let help = command.clone().render_help().to_string();
        assert!(help.trim_end().ends_with(command.get_after_help().unwrap().to_string().trim()));
    });
}

#[test]
fn the_files_and_names_of_examples_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Cli::command();
    command.build();
    let mut count = 0;
    each_command(&command, &mut |command| {
        for example in examples_of(command) {
            for word in example.split_whitespace().filter(|word| word.starts_with("configs/")) {
                assert!(root.join(word).is_file(), "{example}");
                count += 1;
            }
            let cli = Cli::try_parse_from(example.split_whitespace()).unwrap();
            match cli.command {
                Command::Train(TrainArgs { config, .. }) | Command::Config { config, .. }
                    if !example.contains("configs/") =>
                {
                    Named::all(&config).unwrap();
                    count += 1;
                }
                _ => {}
            }
        }
    });
    assert!(count > 5, "{count}");
}

#[test]
fn the_description_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
    let error = Cli::try_parse_from(["fpo", "completions", "tcsh"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidValue);
}
