//! Reads the course of a run from its files, while another process trains it or afterwards.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};
use fpo_core::Registry;

use crate::config::resolved::Config;
use crate::dashboard::course::{Course, RETURN, Run};
use crate::results::outcome::Outcome;
use crate::results::standing::Standing;
use crate::run::dir::RunDir;
use crate::terminal::humanize::grouped;

/// A run that is followed by its files.
pub struct Follower {
    folder: RunDir,
    run: Run,
    /// Bytes of `metrics.jsonl` that were read, and those of a line that has no end yet.
    read: u64,
    begun: Vec<u8>,
    /// The file that was read: a run that goes back to a checkpoint writes another.
    file: u64,
}

impl Follower {
    /// Begins to follow a run.
    ///
    /// # Errors
    /// If the run's configuration cannot be read.
    pub fn new(folder: RunDir) -> Result<Follower> {
        let config = Config::load_with(&Registry::default(), &[folder.config_path()], &[])?;
        let device = match Outcome::load(&folder)? {
            Some(outcome) => outcome.made_by.device,
            None => "device not known yet".into(),
        };
        let run = Run::of(&config, folder.root().into(), &device);
        Ok(Follower { folder, run, read: 0, begun: Vec::new(), file: 0 })
    }

    /// Returns the course of the run before anything was read.
    pub fn course(&self) -> Course {
        Course::of(self.run.clone())
    }

    /// Adds to the course what was written since this was asked last. Where the log is another than
    /// it was, because the run went back to a checkpoint, begins again. Returns whether there was
    /// anything new.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(&mut self, course: &mut Course) -> Result<bool> {
        let (before, standing) = (course.standing, Standing::of(&self.folder)?.0);
        course.standing = standing;
        let path = self.folder.metrics_path();
        let failed = || path.display().to_string();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).with_context(failed),
        };
        let metadata = file.metadata().with_context(failed)?;
        if metadata.len() < self.read || metadata.ino() != self.file {
            *course = self.course();
            (self.read, self.begun, self.file) = (0, Vec::new(), metadata.ino());
            course.standing = standing;
        }
        file.seek(SeekFrom::Start(self.read)).with_context(failed)?;
        let mut news = std::mem::take(&mut self.begun);
        let known = news.len();
        file.read_to_end(&mut news).with_context(failed)?;
        self.read += (news.len() - known) as u64;
        let is_new = news.len() > known;
        let end = news.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.begun = news.split_off(end);
        for line in String::from_utf8_lossy(&news).lines() {
            let evaluations = course.series(RETURN).map_or(0, |series| series.count());
            if course.add_line(line) && course.series(RETURN).map_or(0, |s| s.count()) > evaluations
            {
                course.story.push(evaluation(course));
            }
        }
        course.steps_per_s = course.last("time/steps_per_s").unwrap_or(0.0);
        Ok(is_new || course.standing != before)
    }
}

/// Returns the line of the last evaluation.
fn evaluation(course: &Course) -> String {
    let value = course.last(RETURN).unwrap_or(f64::NAN);
    let error = course.last("eval/episode_return_stderr");
    let error = error.map(|error| format!(" ± {error:.1}")).unwrap_or_default();
    format!("step {:>10}  return {value:.1}{error}", grouped(course.steps_done))
}
