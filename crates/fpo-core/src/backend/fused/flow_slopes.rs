//! The derivatives of a block's losses with respect to what is learned of a flow besides its
//! velocity: the width of its source ([`crate::SourceWidth`]), or its frames
//! ([`crate::ActionFrame`]).

use crate::backend::fused::flow_rows::{FlowRows, Learned};
use crate::backend::fused::frames::{Frames, PackedFrames};
use crate::backend::fused::kernels::perceptron::Block;
use crate::backend::fused::loss_rows::{Buffers, LossRows};
use crate::simd::vector::Simd;

impl<S: Simd> FlowRows<'_, S> {
    /// Adds the derivatives with respect to θ of the source to `tail`, while the outputs hold what
    /// [`LossRows::losses`] left: `∂L/∂θ = 1 − 2·f·w·(e² − ε²)`.
    pub(crate) fn source_slopes(
        &self,
        first: usize,
        losses: &[f32],
        block: &Block,
        tail: &mut [f32],
    ) {
        let FlowRows { form, samples, learned: Learned { source, .. }, .. } = *self;
        let scale = form.config.output_scale as f32;
        let outputs = block.output.chunks_exact(block.output_stride);
        for (k, (&slope, out)) in losses.iter().zip(outputs).enumerate() {
            let regression = self.regression(self.row(first + k / samples), k % samples, None);
            let per_error = 2.0 * regression.factor * regression.gain * scale;
            if per_error == 0.0 {
                // A row without weight, such as one of predicted noise at time 0, has no squares.
                tail.iter_mut().for_each(|tail| *tail += slope);
                continue;
            }
            for (((tail, &out), &noise), &weight) in
                tail.iter_mut().zip(out).zip(regression.second).zip(&source.weights)
            {
                let error = out / (per_error * weight);
                let squares = error * error - noise * noise;
                *tail += slope * (1.0 - 2.0 * regression.factor * weight * squares);
            }
        }
    }

    /// Does what [`LossRows::slopes`] does for a flow in frames, and leaves there what pulls at the
    /// taken actions. Returns the sum of the energies.
    pub(crate) fn slopes_in_frames(
        &self,
        first: usize,
        losses: &[f32],
        energy: f32,
        block: &mut Block,
        (packed, frames): (&PackedFrames, &mut Frames),
    ) -> f64 {
        let FlowRows { form, samples, .. } = *self;
        let (dim, scale) = (form.config.action_dim, form.config.output_scale as f32);
        packed.begin(losses, samples, frames);
        let mut squares = 0.0;
        let outputs = block.output.chunks_exact_mut(block.output_stride);
        let velocities = frames.pulls.chunks_exact_mut(dim);
        for (k, ((&slope, out), pull)) in losses.iter().zip(outputs).zip(velocities).enumerate() {
            let regression = self.regression(self.row(first + k / samples), k % samples, None);
            // An output is worth gain · scale of the error, a target in the frame −target[0] of it.
            let on_taken = -regression.target[0] / (regression.gain * scale);
            for (out, pull) in out.iter_mut().zip(pull) {
                let velocity = *pull;
                squares += f64::from(velocity * velocity);
                *out *= slope;
                *pull = on_taken * *out;
                *out += energy * scale * velocity;
            }
        }
        0.5 * squares
    }

    /// Adds the gradient of the frames' parameters to `tail`, after a backward pass of the
    /// velocity's network.
    pub(crate) fn frame_slopes(&self, first: usize, buffers: &mut Buffers, tail: &mut [f32]) {
        let Buffers { net: block, frames, .. } = buffers;
        let (Some(packed), Some(frames)) = (&self.learned.frames, frames) else { return };
        let FlowRows { s, net, samples, .. } = *self;
        let share = |row: usize| {
            let (k, n) = (row / samples, row % samples);
            self.regression(self.row(first + k), n, None).input[0]
        };
        packed.add(s, samples, net.first_gradient(block), share, frames);
        packed.backward(s, frames, tail);
    }
}
