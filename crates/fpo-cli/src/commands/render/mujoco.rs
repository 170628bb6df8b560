//! Pictures of a MuJoCo task, by MuJoCo's renderer.

use anyhow::{Context, Result};
use fpo_envs::rendering::{Camera, RenderError, Renderer};

use crate::terminal::failure::UsageError;

/// A task's model as it is drawn.
pub struct Model {
    renderer: Renderer,
    camera: Camera,
    name: String,
}

impl Model {
    /// Makes the renderer of `task`, with the camera that is asked for or else the best.
    ///
    /// # Errors
    /// [`UsageError`] for a camera that the task does not have, a size that cannot be drawn and a
    /// wrong `MUJOCO_GL`; otherwise those of [`Renderer::new`].
    pub fn new(task: &str, (width, height): (u32, u32), camera: Option<&str>) -> Result<Model> {
        let rules = fpo_envs::mujoco::task(task)
            .with_context(|| format!("{task} is neither a MuJoCo task nor one with a drawing"))?;
        let cannot = || format!("cannot draw {task}");
        let renderer =
            Renderer::new(rules.as_ref(), width, height).map_err(told).with_context(cannot)?;
        let found = renderer.camera(camera.unwrap_or("0")).map_err(told)?;
        let name = renderer
            .cameras()
            .into_iter()
            .find(|name| renderer.camera(name).is_ok_and(|other| other == found));
        Ok(Model { renderer, camera: found, name: name.unwrap_or_default() })
    }

    /// Returns red, green and blue of each pixel of a state.
    ///
    /// # Errors
    /// Those of [`Renderer::draw`].
    pub fn paint(&mut self, state: &[f64]) -> Result<Vec<u8>> {
        Ok(self.renderer.draw(state, self.camera)?)
    }

    /// Says by what and from where it is drawn.
    pub fn describe(&self) -> String {
        let cameras = self.renderer.cameras().join(", ");
        format!("drawn by {}, camera {} of {cameras}", self.renderer.library(), self.name)
    }
}

/// Returns the error as a mistake of the command line where it is one.
fn told(error: RenderError) -> anyhow::Error {
    match error {
        RenderError::UnknownCamera { .. } => UsageError(format!("--camera: {error}")).into(),
        RenderError::Size { .. } => UsageError(format!("--size: {error}")).into(),
        RenderError::UnknownGl { .. } => UsageError(error.to_string()).into(),
        _ => error.into(),
    }
}
