//! Which control steps an animation shows, and for how long.

use crate::terminal::failure::UsageError;

/// The shortest time between frames that viewers of GIFs keep to, in seconds.
const SHORTEST: f64 = 0.02;
/// Time of a step in a task that knows no seconds, in seconds.
const DISCRETE: f64 = 0.2;
/// How long the last frame of an episode stays, in hundredths of a second.
const LAST: u16 = 100;
/// Hundredths of a second in a second.
const HUNDREDTHS: f64 = 100.0;

/// The frames of an animation, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Control steps between frames.
    pub every: usize,
    /// Length of a control step, in seconds.
    pub dt: f64,
    /// Whether time is counted in steps.
    discrete: bool,
}

impl Pace {
    /// Returns the pace for control steps of `control_dt` seconds, 0 in a discrete world: frames
    /// `every` so many steps, or else as many as `fps` a second allow.
    ///
    /// # Errors
    /// [`UsageError`] for frames that would follow each other too fast.
    pub fn new(control_dt: f64, fps: u32, every: Option<u32>) -> Result<Pace, UsageError> {
        let discrete = control_dt <= 0.0;
        let dt = if discrete { DISCRETE } else { control_dt };
        // A hair less, so that 0.04 s is 4 steps of 0.01 s.
        let least = |seconds: f64| ((seconds / dt - 1e-6).ceil() as usize).max(1);
        let fewest = least(SHORTEST);
        let every = match every {
            None => least(1.0 / f64::from(fps)),
            Some(every) if (every as usize) < fewest => {
                return Err(UsageError(format!(
                    "--every {every}: frames {:.3} s apart are too fast for a GIF, which has at \
                     most 50 a second; steps of this task need --every {fewest} or more",
                    f64::from(every) * dt
                )));
            }
            Some(every) => every as usize,
        };
        Ok(Pace { every, dt, discrete })
    }

    /// Returns how many frames an episode of `length` control steps has, start and end included.
    pub fn frames(&self, length: usize) -> usize {
        length.div_ceil(self.every) + 1
    }

    /// Returns how many control steps there are in `seconds`, at least one.
    pub fn steps(&self, seconds: f64) -> usize {
        ((seconds / self.dt).round() as usize).max(1)
    }

    /// Returns how late it is at control step `step`, in words.
    pub fn clock(&self, step: usize) -> String {
        match self.discrete {
            true => format!("step {step}"),
            false => format!("{:.2} s", step as f64 * self.dt),
        }
    }

    /// Returns how long frame `index` of `count` stays, in hundredths of a second. What is rounded
    /// off one frame is added to the next, so that the animation keeps to real time.
    pub fn delay(&self, index: usize, count: usize) -> u16 {
        if index + 1 == count {
            return LAST;
        }
        let begins =
            |frame: usize| (HUNDREDTHS * self.dt * (frame * self.every) as f64).round() as u64;
        (begins(index + 1) - begins(index)).min(u64::from(u16::MAX)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_keeps_to_real_time() {
        for (dt, fps) in [(0.01, 25), (0.025, 25), (0.04, 50), (0.015, 30), (0.1, 25)] {
            let pace = Pace::new(dt, fps, None).unwrap();
            let seconds = 12.0;
            let count = pace.frames(pace.steps(seconds));
            let played: u64 = (0..count - 1).map(|i| u64::from(pace.delay(i, count))).sum();
            let shown = (count - 1) as f64 * pace.every as f64 * dt;
            assert!((played as f64 / 100.0 - shown).abs() < 0.006, "{dt} {fps}: {played}");
            assert!((0..count).all(|i| pace.delay(i, count) >= 1));
            assert!(pace.every as f64 * dt >= 1.0 / f64::from(fps) - 1e-9);
        }
        assert_eq!(Pace::new(0.01, 25, None).unwrap().every, 4);
        assert_eq!(
            Pace::new(0.0, 25, None).unwrap(),
            Pace { every: 1, dt: DISCRETE, discrete: true }
        );
    }

    #[test]
    fn frames_that_are_too_fast_are_refused_with_what_would_do() {
        let error = Pace::new(0.01, 25, Some(1)).unwrap_err().to_string();
        assert!(error.contains("--every 1") && error.contains("--every 2 or more"), "{error}");
        assert_eq!(Pace::new(0.01, 25, Some(2)).unwrap().every, 2);
    }
}
