//! Records an evaluation as a safetensors file, which holds everything that is needed to check the
//! policy elsewhere.

use fpo_core::{Data, TensorFile};

use crate::training::stepped_envs::SteppedEnvs;

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
    /// Adds observations, starting noise and actions before squashing, one row per environment.
    pub fn before_step(&mut self, obs: &[f32], noise: &[f32], action: &[f32]) {
        self.obs.extend_from_slice(obs);
        self.noise.extend_from_slice(noise);
        self.action.extend_from_slice(action);
    }

    /// Adds the controls that `envs` received, and the rewards and ends of episodes that followed.
    pub fn after_step(&mut self, control: &[f32], envs: &SteppedEnvs) {
        self.control.extend_from_slice(control);
        self.reward.extend_from_slice(&envs.reward);
        self.ended.extend((0..envs.reward.len()).map(|env| u32::from(envs.ended(env))));
        self.steps += 1;
    }

    /// Returns a file with `obs (T, E, O)`, `noise`, `action` and `control (T, E, A)`, and `reward`
    /// and `ended (T, E)`.
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
