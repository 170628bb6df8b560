//! Starts that are prepared before they are needed.
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
//! which spreads the work evenly over the episode, and over the batch too, since neighbours lie
//! far apart. Where the ends of episodes are spread already (`stagger`), each begins p steps before
//! its end. An episode that ends early finds its start half made or not begun; the rest is then
//! done on the spot. A start is a function of seed, environment and episode, so when it was made
//! never shows.

/// φ · 2⁶⁴: multiples of it, modulo 2⁶⁴, fill the range as evenly as any sequence can.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The next start of one environment, as far as it is made.
pub(crate) struct Ahead {
    /// Pieces that are done.
    pub(crate) done: usize,
    pub(crate) state: Vec<f64>,
    pub(crate) obs: Vec<f32>,
}

impl Ahead {
    /// Leaves the next start to be made from its beginning.
    pub(crate) fn forget(&mut self) {
        self.done = 0;
    }
}

/// When each environment prepares its next start.
pub(crate) struct Schedule {
    /// Pieces of a start; 0 where none is prepared.
    pieces: usize,
    /// Pieces at one control step.
    at_once: usize,
    /// Steps of an episode before the preparation must begin.
    span: usize,
    stagger: bool,
}

impl Schedule {
    /// For starts that take `settling` pieces after their draw, or none; `length` is the step
    /// limit.
    pub(crate) fn new(settling: usize, length: usize, stagger: bool) -> Self {
        let pieces = if settling == 0 { 0 } else { 1 + settling };
        let at_once = pieces.div_ceil((length / 2).max(1)).max(1);
        let span = length.saturating_sub(pieces.div_ceil(at_once));
        Self { pieces, at_once, span, stagger }
    }

    /// Memory for the next start of one environment; none where none is prepared.
    pub(crate) fn room(&self, state_len: usize, obs_dim: usize) -> Ahead {
        let (state_len, obs_dim) = if self.pieces > 0 { (state_len, obs_dim) } else { (0, 0) };
        Ahead { done: 0, state: vec![0.0; state_len], obs: vec![0.0; obs_dim] }
    }

    /// Pieces to do now, `steps` control steps into the episode, when `done` are done.
    pub(crate) fn pieces_now(&self, env: usize, steps: usize, done: usize) -> usize {
        if done < self.pieces && steps > self.begin(env) {
            self.at_once.min(self.pieces - done)
        } else {
            0
        }
    }

    /// Control steps of an episode of environment `env` before the preparation begins.
    fn begin(&self, env: usize) -> usize {
        if self.stagger {
            return self.span.saturating_sub(1);
        }
        let share = u128::from((env as u64).wrapping_mul(GOLDEN));
        ((share * self.span as u128) >> 64) as usize
    }
}
