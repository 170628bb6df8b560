//! Draws moments of episodes, by MuJoCo or as vectors, whichever the task needs.

#[cfg(feature = "render")]
use anyhow::Context;
use anyhow::Result;
use fpo_envs::EnvSpec;
use resvg::tiny_skia::Pixmap;

use crate::commands::figure::font::Fonts;
use crate::commands::render::episode::Episode;
#[cfg(feature = "render")]
use crate::commands::render::mujoco::Model;
use crate::commands::render::vectors::Drawing;
use crate::terminal::failure::UsageError;

/// Pixels of a picture, width and height.
pub type Size = (u32, u32);

/// The size of pictures by MuJoCo, where none is asked for.
const MUJOCO_SIZE: Size = (320, 240);

/// Draws the moments of one task's episodes.
pub struct Painter {
    kind: Kind,
    /// Size of its pictures.
    pub size: Size,
}

enum Kind {
    Vectors(Drawing, Fonts),
    #[cfg(feature = "render")]
    Mujoco(Box<Model>),
}

impl Painter {
    /// Returns the painter for `task`, from the `camera` that is asked for.
    ///
    /// # Errors
    /// [`UsageError`] for a camera that the task does not have. For a MuJoCo task also if this
    /// build or this machine cannot draw it.
    pub fn new(spec: &EnvSpec, size: Option<Size>, camera: Option<&str>) -> Result<Painter> {
        if let Some(drawing) = Drawing::of(&spec.name) {
            if camera.is_some() {
                let text = format!("--camera: {} is a drawing, which has no cameras", spec.name);
                return Err(UsageError(text).into());
            }
            let size = size.unwrap_or_else(|| drawing.size());
            return Ok(Painter { kind: Kind::Vectors(drawing, Fonts::new()?), size });
        }
        mujoco(spec, size.unwrap_or(MUJOCO_SIZE), camera)
    }

    /// Draws moment `index` of `episode`.
    ///
    /// # Errors
    /// If the picture is too large for the memory, or MuJoCo cannot draw it.
    pub fn paint(&mut self, episode: &Episode, index: usize) -> Result<Pixmap> {
        match &mut self.kind {
            Kind::Vectors(drawing, fonts) => drawing.paint(episode, index, self.size, fonts),
            #[cfg(feature = "render")]
            Kind::Mujoco(model) => {
                let moment =
                    episode.moments.get(index).context("the episode has no such moment")?;
                pixmap(&model.paint(&moment.state)?, self.size)
            }
        }
    }

    /// Says by what it draws.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Vectors(..) => "drawn as vectors".into(),
            #[cfg(feature = "render")]
            Kind::Mujoco(model) => model.describe(),
        }
    }
}

#[cfg(feature = "render")]
fn mujoco(spec: &EnvSpec, size: Size, camera: Option<&str>) -> Result<Painter> {
    let model = Model::new(&spec.name, size, camera)?;
    Ok(Painter { kind: Kind::Mujoco(Box::new(model)), size })
}

#[cfg(not(feature = "render"))]
fn mujoco(spec: &EnvSpec, _: Size, _: Option<&str>) -> Result<Painter> {
    anyhow::bail!(
        "this build cannot draw the MuJoCo task {}; rebuild with `cargo build --release`, which \
         has the feature `render`",
        spec.name
    )
}

/// Returns opaque pixels of `rgb`, row by row.
#[cfg(feature = "render")]
fn pixmap(rgb: &[u8], (width, height): Size) -> Result<Pixmap> {
    let mut pixels = Pixmap::new(width, height).context("no memory for a picture")?;
    for (to, from) in pixels.data_mut().chunks_exact_mut(4).zip(rgb.chunks_exact(3)) {
        to[..3].copy_from_slice(from);
        to[3] = u8::MAX;
    }
    Ok(pixels)
}
