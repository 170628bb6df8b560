//! One action at a time, for a policy at work: the weights are packed once and all buffers are
//! there before the first action, so that no action allocates memory or wakes a thread.

use crate::backend::fused::kernels::gaussian_sampler::Drawing;
use crate::backend::fused::kernels::normal::Elements;
use crate::backend::fused::kernels::perceptron::Block;
use crate::backend::fused::kernels::sampler::{Walk, WalkBuffers};
use crate::error::{Error, Result};
use crate::flow::config::FlowConfig;
use crate::policy::KernelForm;
use crate::policy::gaussian_config::GaussianConfig;
use crate::simd::isa::{Isa, Kernel, run};
use crate::simd::vector::Simd;

/// Packed weights and the buffers of one action.
pub(crate) trait Single: Send + Sync {
    /// Replaces unit normals `x` by the action before squashing at the normalised observation
    /// `obs`.
    fn act(&mut self, obs: &[f32], x: &mut [f32]);
}

/// Returns what acts for a policy of kernel form `form` with parameters `params`.
///
/// # Errors
/// [`Error::Invalid`] for a chain: it disturbs its actions, which only training needs.
pub(crate) fn single(isa: Isa, form: KernelForm, params: &[f32]) -> Result<Box<dyn Single>> {
    match form {
        KernelForm::Flow { flow, chain: None } => Ok(run(isa, Packed(flow, params))),
        KernelForm::Gaussian(config) => Ok(run(isa, Packed(config, params))),
        KernelForm::Flow { chain: Some(_), .. } => {
            Err(Error::Invalid("a chain acts in training only: take its deployed policy".into()))
        }
    }
}

/// Settings of a policy and its parameters, to be packed.
struct Packed<'a, C>(&'a C, &'a [f32]);

struct Flow<S> {
    walk: Walk<S>,
    buffers: WalkBuffers,
}

struct Gaussian<S> {
    drawing: Drawing<S>,
    buffers: (Block, Elements),
}

impl Kernel for Packed<'_, FlowConfig> {
    type Output = Box<dyn Single>;

    fn run<S: Simd>(self, s: S) -> Box<dyn Single> {
        let Packed(config, params) = self;
        let walk = Walk::new(s, config, params);
        Box::new(Flow { buffers: walk.buffers(1), walk })
    }
}

impl Kernel for Packed<'_, GaussianConfig> {
    type Output = Box<dyn Single>;

    fn run<S: Simd>(self, s: S) -> Box<dyn Single> {
        let Packed(config, params) = self;
        let drawing = Drawing::new(s, config, params);
        Box::new(Gaussian { buffers: drawing.buffers(1), drawing })
    }
}

impl<S: Simd> Single for Flow<S> {
    fn act(&mut self, obs: &[f32], x: &mut [f32]) {
        self.walk.sample(obs, x, &mut self.buffers);
    }
}

impl<S: Simd> Single for Gaussian<S> {
    fn act(&mut self, obs: &[f32], x: &mut [f32]) {
        self.drawing.sample(obs, x, &mut self.buffers);
    }
}
