//! `fpo sweep --slurm` and `--parallel`: the runs that are to be made, as jobs for somebody else to
//! start. Each job is the sweep with `--index`.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::commands::sweep_args::SweepArgs;
use crate::sweep::keep::Keep;
use crate::text::shell::quoted;

/// Returns a script for `sbatch`: an array with a job for each run whose number is in `numbers`.
///
/// # Errors
/// If the program or the working directory cannot be found.
pub fn slurm(args: &SweepArgs, folder: &Path, numbers: &[usize]) -> Result<String> {
    let here = env::current_dir().context("cannot find the working directory")?;
    let name = args.sweep.file_stem().unwrap_or(OsStr::new("sweep")).to_string_lossy();
    let letter = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(letter).collect();
    let at_once = args.jobs.map_or_else(String::new, |jobs| format!("%{jobs}"));
    let (count, threads) = (numbers.len(), args.threads);
    Ok(format!(
        "#!/bin/bash\n\
         # {count} runs of a sweep, each a job that goes on where it was when it is given again.\n\
         #SBATCH --job-name={name}\n\
         #SBATCH --array={}{at_once}\n\
         #SBATCH --ntasks=1 --cpus-per-task={threads}\n\
         #SBATCH --requeue --open-mode=append --output={name}-%a.log\n\
         # Two minutes before the limit the run saves and stops.\n\
         #SBATCH --signal=B:TERM@120\n\
         cd {}\n\
         exec {} --index \"$SLURM_ARRAY_TASK_ID\"",
        ranges(numbers),
        quoted(here.as_os_str()),
        command(args, folder, &here)?,
    ))
}

/// Returns a list for GNU parallel: a command on each line for each run whose number is in
/// `numbers`.
///
/// # Errors
/// As [`slurm`].
pub fn parallel(args: &SweepArgs, folder: &Path, numbers: &[usize]) -> Result<String> {
    let here = env::current_dir().context("cannot find the working directory")?;
    let command = command(args, folder, &here)?;
    let lines = numbers.iter().map(|number| format!("{command} --index {number}"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Returns the command of all jobs but for the number of the run. Paths are whole, so that it works
/// anywhere.
fn command(args: &SweepArgs, folder: &Path, here: &Path) -> Result<String> {
    let program = env::current_exe().context("cannot find the program itself")?;
    let whole = |path: &Path| quoted(here.join(path).as_os_str());
    let mut words = vec![quoted(program.as_os_str()), "sweep".into(), whole(&args.sweep)];
    words.extend(["--out".into(), whole(folder), "--threads".into(), args.threads.to_string()]);
    words.extend(args.done.iter().flat_map(|done| ["--done".into(), whole(done)]));
    if args.keep != Keep::default()
        && let Some(keep) = args.keep.to_possible_value()
    {
        words.extend(["--keep".into(), keep.get_name().into()]);
    }
    if args.retry_failed {
        words.push("--retry-failed".into());
    }
    Ok(words.join(" "))
}

/// Returns ascending numbers as Slurm takes them, such as `1-3,7`.
fn ranges(numbers: &[usize]) -> String {
    let neighbours = numbers.chunk_by(|one, next| one + 1 == *next);
    let range = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        [only] => only.to_string(),
        [] => String::new(),
    };
    neighbours.map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[]), "");
    }
}
