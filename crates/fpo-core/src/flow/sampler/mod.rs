//! Samplers: how a velocity field turns noise into an action, chosen after training.
//!
//! FPO does not depend on how actions are drawn, so a trained policy can be played with any solver
//! of
//!
//! ```text
//! dx/dt = v(x, t),  from x(1) = ε (or 0) to the action x(0)
//! ```
//!
//! where `v(x, t) = E[dx_t/dt | x_t = x]` along a [`Path`]; on the linear path it is
//! `E[ε − a | x_t = x]` with `x_t = t·ε + (1−t)·a`. Explicit Runge–Kutta methods walk a [`Grid`] of
//! falling times: [`Method::Euler`] (order 1), [`Method::Midpoint`] and [`Method::Heun`] (2),
//! [`Method::Rk4`] (4).
//! [`Method::Dopri5`] stops at the times of the grid and chooses its own steps between them.
//! [`Method::Sde`] adds noise on the way and takes as much away, such that the law of `x_t` stays
//! that of the ODE at every `t` (see the file `sde.rs`).
//!
//! Training on grid times shows the network only `1, 1 − 1/K, …, 1/K`. Euler steps on that grid
//! evaluate it nowhere else; the other methods also evaluate it between those times, and Heun, RK4
//! and Dopri5 at `t = 0`.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use fpo_core::path::Path;
//! use fpo_core::sampler::{Method, Sampler};
//! use fpo_core::Noise;
//!
//! // All of the data is the point 2: v = E[ε − a | x] = (x − 2)/t, and straight paths lead there.
//! let start = Tensor::new(&[[0.5f64], [-1.0]], &Device::Cpu)?;
//! let velocity = |x: &Tensor, t: f64| Ok(((x - 2.0)? / t)?);
//! let sampler = Sampler::new(Method::Midpoint, 3);
//! let solution = sampler.integrate(Path::Linear, velocity, &start, &Noise::new(0), 0)?;
//! assert_eq!(solution.evaluations, 6);
//! for x in solution.x.flatten_all()?.to_vec1::<f64>()? {
//!     assert!((x - 2.0).abs() < 1e-12);
//! }
//! # Ok::<(), fpo_core::Error>(())
//! ```

mod adaptive;
mod grid;
mod runge_kutta;
mod sde;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

pub use adaptive::MAX_STEPS;
pub use grid::{Grid, MAX_UNIFORM};

use crate::error::{Error, Result};
use crate::flow::path::Path;
use crate::random::{Noise, Purpose};

/// How a step is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// `x + h·v(x, t)`: order 1, one evaluation a step.
    Euler,
    /// The velocity half-way: order 2, two evaluations a step.
    Midpoint,
    /// The mean of the velocities at both ends: order 2, two evaluations a step.
    Heun,
    /// The classical Runge–Kutta method: order 4, four evaluations a step.
    Rk4,
    /// Dormand–Prince 5(4) with step control for the whole batch at once.
    ///
    /// A step is accepted if `max over rows of rms(error / (atol + rtol·max(|x|, |x′|))) ≤ 1`.
    Dopri5 {
        /// Relative tolerance, 0 or more and below 1.
        rtol: f64,
        /// Absolute tolerance, above 0.
        atol: f64,
    },
    /// Steps of the policy's own kind (Euler's on the linear path, DDIM's on the cosine path) with
    /// fresh noise: one evaluation a step.
    Sde {
        /// How much noise is exchanged, 0 (none) or more.
        churn: f64,
    },
}

impl Method {
    /// Returns the name in lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Euler => "euler",
            Method::Midpoint => "midpoint",
            Method::Heun => "heun",
            Method::Rk4 => "rk4",
            Method::Dopri5 { .. } => "dopri5",
            Method::Sde { .. } => "sde",
        }
    }

    fn validate(&self) -> Result<()> {
        let from_zero = |x: f64, below: f64| (0.0..below).contains(&x);
        let above_zero = |x: f64| x > 0.0 && x.is_finite();
        match *self {
            Method::Dopri5 { rtol, .. } if !from_zero(rtol, 1.0) => {
                Err(Error::Invalid(format!("dopri5: rtol is {rtol}; allowed: 0 or more, below 1")))
            }
            Method::Dopri5 { atol, .. } if !above_zero(atol) => {
                Err(Error::Invalid(format!("dopri5: atol is {atol}; allowed: above 0, finite")))
            }
            Method::Sde { churn } if !from_zero(churn, f64::INFINITY) => {
                Err(Error::Invalid(format!("sde: churn is {churn}; allowed: 0 or more, finite")))
            }
            _ => Ok(()),
        }
    }
}

/// Where paths start at `t = 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Standard normal noise, as in training.
    #[default]
    Noise,
    /// The centre of the noise: one action per observation (FPO++'s zero-sampling).
    Zero,
}

/// A way to draw actions from a velocity field.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    /// How a step is taken.
    pub method: Method,
    /// The times between which steps are taken.
    pub grid: Grid,
    /// Where paths start.
    pub start: Start,
}

/// The result of an integration.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The state at `t = 0`, in the shape of the start.
    pub x: Tensor,
    /// How often the velocity was evaluated.
    pub evaluations: usize,
}

impl Sampler {
    /// Returns a sampler that takes `steps` even steps of `method` from noise.
    pub fn new(method: Method, steps: usize) -> Sampler {
        Sampler { method, grid: Grid::Uniform(steps), start: Start::Noise }
    }

    /// Checks settings that come from outside.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the setting and its range.
    pub fn validate(&self) -> Result<()> {
        self.method.validate()?;
        self.grid.times().map(drop)
    }

    /// Fills `out` with starting values: draw `index` of `purpose`, or zeros.
    pub fn fill_start(&self, noise: &Noise, purpose: Purpose, index: u64, out: &mut [f32]) {
        match self.start {
            Start::Noise => noise.fill_normal(purpose, index, out),
            Start::Zero => out.fill(0.0),
        }
    }

    /// Follows `velocity(x, t)` of `path` from `start (…, A)` at `t = 1` to `t = 0`.
    ///
    /// Only [`Method::Sde`] draws from `noise`; `index`, below 2³⁶, tells one integration from the
    /// next. Values are computed in the start's dtype on its device.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that cannot work, and for Dopri5 when it needs more than
    /// [`MAX_STEPS`] steps. Also any error of `velocity`.
    pub fn integrate(
        &self,
        path: Path,
        velocity: impl FnMut(&Tensor, f64) -> Result<Tensor>,
        start: &Tensor,
        noise: &Noise,
        index: u64,
    ) -> Result<Solution> {
        self.walk(path, velocity, start, noise, index, |unit| Ok(unit.clone()))
    }

    /// Does what [`Sampler::integrate`] does, where `source` turns unit normals into noise.
    fn walk(
        &self,
        path: Path,
        mut velocity: impl FnMut(&Tensor, f64) -> Result<Tensor>,
        start: &Tensor,
        noise: &Noise,
        index: u64,
        source: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Solution> {
        self.method.validate()?;
        let times = self.grid.times()?;
        let mut evaluations = 0;
        let mut velocity = |x: &Tensor, t: f64| {
            evaluations += 1;
            velocity(x, t)
        };
        let x = match self.method {
            Method::Euler => runge_kutta::EULER.walk(&mut velocity, start, &times),
            Method::Midpoint => runge_kutta::MIDPOINT.walk(&mut velocity, start, &times),
            Method::Heun => runge_kutta::HEUN.walk(&mut velocity, start, &times),
            Method::Rk4 => runge_kutta::RK4.walk(&mut velocity, start, &times),
            Method::Dopri5 { rtol, atol } => {
                adaptive::walk(&mut velocity, start, &times, rtol, atol)
            }
            Method::Sde { churn } => {
                let draw = |k: usize| {
                    let index = index * (times.len() as u64 - 1) + k as u64;
                    let z =
                        noise.normal_tensor(Purpose::Churn, index, start.dims(), &Device::Cpu)?;
                    source(&z.to_dtype(start.dtype())?.to_device(start.device())?)
                };
                sde::walk(path, &mut velocity, start, &times, churn, draw)
            }
        }?;
        Ok(Solution { x, evaluations })
    }

    /// Returns actions `(B, A)` of `field` before squashing, for normalised `obs (B, O)` and unit
    /// normals or zeros `start (B, A)`, computed by composed operations; see
    /// [`Sampler::integrate`].
    ///
    /// With Euler's method on the policy's own number of steps this is what
    /// [`FlowPolicy::act`](crate::Policy::act) returns on the linear path, where steps go by the
    /// velocity of their start ([`crate::StepTimes`]), and the network predicts the velocity or no
    /// divisor is raised ([`crate::path`]).
    /// Pass a frozen policy unless gradients are to flow through the steps.
    ///
    /// # Errors
    /// Those of [`Sampler::integrate`].
    pub fn sample(
        &self,
        field: &dyn VelocityField,
        obs: &Tensor,
        start: &Tensor,
        noise: &Noise,
        index: u64,
    ) -> Result<Solution> {
        let velocity = |x: &Tensor, t: f64| field.velocity(obs, x, t);
        let source = |unit: &Tensor| field.source(unit);
        let start = field.source(start)?;
        let ended = self.walk(field.path(), velocity, &start, noise, index, source)?;
        Ok(Solution { x: field.place(obs, ended.x)?, ..ended })
    }
}

/// A velocity field over actions, one for each observation, which a sampler integrates.
pub trait VelocityField {
    /// Returns the path along which it was trained.
    fn path(&self) -> Path;

    /// Returns the number of steps of the policy's own sampler.
    fn steps(&self) -> usize;

    /// Returns noise of the width that the field was trained with, from unit normals `(B, A)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn source(&self, unit: &Tensor) -> Result<Tensor> {
        Ok(unit.clone())
    }

    /// Returns the actions `(B, A)` that the ends `x (B, A)` of paths stand for at normalised
    /// `obs (B, O)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn place(&self, _obs: &Tensor, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }

    /// Returns the velocity `(B, A)` at `x (B, A)` and flow time `t` for normalised `obs (B, O)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn velocity(&self, obs: &Tensor, x: &Tensor, t: f64) -> Result<Tensor>;
}
