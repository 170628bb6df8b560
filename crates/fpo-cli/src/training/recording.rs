//! A recorded evaluation as a safetensors file: everything needed to check the policy elsewhere.

use crate::training::stage::Stage;
use fpo_core::{Data, TensorFile};

/// Steps of all environments, time-major.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    steps: usize,
    obs: Vec<f32>,
    noise: Vec<f32>,
    action: Vec<f32>,
    control: Vec<f32>,
    reward: Vec<f32>,
    ended: Vec<u32>,
}

impl Recording {
    /// Observations, starting noise and actions before squashing, one row per environment.
    pub fn before_step(&mut self, obs: &[f32], noise: &[f32], action: &[f32]) {
        self.obs.extend_from_slice(obs);
        self.noise.extend_from_slice(noise);
        self.action.extend_from_slice(action);
    }

    /// What the environments received and answered.
    pub fn after_step(&mut self, control: &[f32], stage: &Stage) {
        self.control.extend_from_slice(control);
        self.reward.extend_from_slice(&stage.reward);
        self.ended.extend((0..stage.reward.len()).map(|env| u32::from(stage.ended(env))));
        self.steps += 1;
    }

    /// `obs (T, E, O)`, `noise`, `action` and `control (T, E, A)`, `reward` and `ended (T, E)`.
    pub fn into_file(self) -> TensorFile {
        let (steps, rows) = (self.steps, self.reward.len());
        let envs = rows / steps.max(1);
        let mut file = TensorFile::default();
        for (name, values) in [
            ("obs", self.obs),
            ("noise", self.noise),
            ("action", self.action),
            ("control", self.control),
        ] {
            let width = values.len() / rows.max(1);
            file.insert(name, &[steps, envs, width], Data::F32(values));
        }
        file.insert("reward", &[steps, envs], Data::F32(self.reward));
        file.insert("ended", &[steps, envs], Data::U32(self.ended));
        file
    }
}
