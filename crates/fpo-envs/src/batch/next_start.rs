//! The next start of each environment, which is prepared before it is needed.
//!
//! Some starts are costly: CheetahRun's takes 200 physics steps, as many as 200 control steps. If
//! every environment drew its next start when its episode ends, a batch whose episodes end
//! together would stand still for that long. So a start is made in `m` pieces, a few at each
//! control step, while the episode before it still runs. With step limit L, w = ⌈m / (L/2)⌉ pieces
//! at a time and p = ⌈m / w⌉ steps for a start, environment i begins at step
//!
//! ```text
//! ⌊frac(i φ) · (L − p)⌋,   φ = (√5 − 1) / 2,
//! ```
//!
//! which spreads the work evenly over the episode, and over the batch too, since the steps of
//! neighbouring environments lie far apart. Where the ends of episodes are spread already
//! (`stagger`), each begins p steps before its end. When an episode ends early, its next start is
//! half made or not begun; the rest is then done on the spot. A start is a function of seed,
//! environment and episode, so its numbers do not depend on when it was made.

/// φ · 2⁶⁴: multiples of it, modulo 2⁶⁴, fill the range as evenly as any sequence can.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The next start of one environment, as far as it is made.
pub(super) struct NextStart {
    /// Number of pieces that are done.
    pub(super) done: usize,
    pub(super) state: Vec<f64>,
    pub(super) obs: Vec<f32>,
}

impl NextStart {
    /// Discards what is made, so that the next start is made from its beginning.
    pub(super) fn discard(&mut self) {
        self.done = 0;
    }
}

/// The times at which each environment prepares its next start.
pub(super) struct Schedule {
    /// Number of pieces of a start; 0 where no start is prepared.
    pieces: usize,
    /// Number of pieces that are made at one control step.
    at_once: usize,
    /// Number of control steps of an episode within which the preparation must begin.
    span: usize,
    /// Whether the ends of episodes are spread over time already.
    stagger: bool,
}

impl Schedule {
    /// Makes the schedule of starts that take `settling` pieces after their draw. With 0 nothing is
    /// prepared. `episode_length` is the step limit.
    pub(super) fn new(settling: usize, episode_length: usize, stagger: bool) -> Self {
        let pieces = if settling == 0 { 0 } else { 1 + settling };
        let at_once = pieces.div_ceil((episode_length / 2).max(1)).max(1);
        let span = episode_length.saturating_sub(pieces.div_ceil(at_once));
        Self { pieces, at_once, span, stagger }
    }

    /// Allocates the next start of one environment. It stays empty where no start is prepared.
    pub(super) fn allocate(&self, state_len: usize, obs_dim: usize) -> NextStart {
        let (state_len, obs_dim) = if self.pieces > 0 { (state_len, obs_dim) } else { (0, 0) };
        NextStart { done: 0, state: vec![0.0; state_len], obs: vec![0.0; obs_dim] }
    }

    /// Returns the number of pieces to make now, `steps` control steps into the episode, when
    /// `done` pieces are done.
    pub(super) fn pieces_now(&self, env: usize, steps: usize, done: usize) -> usize {
        if done < self.pieces && steps > self.begin(env) {
            self.at_once.min(self.pieces - done)
        } else {
            0
        }
    }

    /// Returns the number of control steps of an episode of environment `env` before the
    /// preparation begins.
    fn begin(&self, env: usize) -> usize {
        if self.stagger {
            return self.span.saturating_sub(1);
        }
        let share = u128::from((env as u64).wrapping_mul(GOLDEN));
        ((share * self.span as u128) >> 64) as usize
    }
}
