//! Pictures of MuJoCo tasks by MuJoCo's own renderer, without a window.
//!
//! A [`Renderer`] draws the states of one task's environments, as
//! [`VecEnv::save`](crate::vec_env::VecEnv::save) returns them:
//!
//! ```no_run
//! use fpo_envs::rendering::Renderer;
//! use fpo_envs::{VecEnvOptions, make};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut envs = make("CheetahRun", &VecEnvOptions::default())?;
//! let mut obs = vec![0.0; envs.spec().obs_dim];
//! envs.reset(&mut obs)?;
//! let task = fpo_envs::mujoco::task("CheetahRun").ok_or("no such task")?;
//! let mut renderer = Renderer::new(task.as_ref(), 320, 240)?;
//! let camera = renderer.camera("side")?;
//! let rgb: Vec<u8> = renderer.draw(&envs.save().states, camera)?;
//! assert_eq!(rgb.len(), 3 * 320 * 240);
//! # Ok(())
//! # }
//! ```
//!
//! OpenGL is looked for when a renderer is made, and by nothing else in this crate.

mod error;
mod gl;
mod look;
mod view;

use std::sync::Arc;

use mujoco_rs::wrappers::mj_model::MjtObjBase;
use mujoco_rs::wrappers::{
    MjModel, MjrContext, MjrRectangle, MjvCamera, MjvOption, MjvPerturb, MjvScene,
};

pub use self::error::RenderError;
pub use self::gl::Gl;
use self::view::{Follows, View, views};
use crate::error::EnvError;
use crate::simulation::mujoco_task::{Data, MujocoTask};
use crate::simulation::row::RowLayout;

/// The shortest and longest side of a picture, in pixels.
pub const SIDES: std::ops::RangeInclusive<u32> = 16..=4096;
/// [`SIDES`] in words.
const SIDES_SHOWN: &str = "16 to 4096 pixels";
/// The most shapes of a scene; the largest model here has about a hundred.
const MAX_SHAPES: usize = 2000;
/// Name of the camera that MuJoCo places itself.
const FREE: &str = "free";

/// A camera of a model: where it is and what it follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Camera(Kind);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    View(&'static View),
    /// A camera of the model's own, by its index.
    Model(usize),
    Free,
}

/// Draws the states of one task. It stays in the thread that made it.
pub struct Renderer {
    task: String,
    /// Freed before the context of OpenGL, for fields are dropped in order.
    context: MjrContext,
    gl: Gl,
    scene: MjvScene,
    options: MjvOption,
    data: Data,
    row: RowLayout,
    cameras: Vec<(String, Camera)>,
    viewport: MjrRectangle,
}

impl Renderer {
    /// Makes a renderer of pictures of `width` × `height` pixels.
    ///
    /// # Errors
    /// [`RenderError::Size`] for a side outside [`SIDES`], [`RenderError::NoGl`] where the machine
    /// has no OpenGL without a window, [`RenderError::Env`] when MuJoCo refuses the model.
    pub fn new(task: &dyn MujocoTask, width: u32, height: u32) -> Result<Self, RenderError> {
        if ![width, height].iter().all(|side| SIDES.contains(side)) {
            return Err(RenderError::Size { width, height, range: SIDES_SHOWN });
        }
        let model = Arc::new(look::dressed(task, width, height)?);
        let gl = Gl::open()?;
        // SAFETY: `gl` has made a context current in this thread. Neither leaves it, for `Gl` is
        // not `Send`, and the context of MuJoCo is dropped first.
        let mut context = unsafe { MjrContext::new(&model) };
        context.offscreen();
        let data = Data::try_new(Arc::clone(&model)).map_err(|error| EnvError::Mujoco {
            task: task.spec().name,
            what: error.to_string(),
        })?;
        Ok(Self {
            task: task.spec().name,
            context,
            gl,
            scene: MjvScene::new(&model, MAX_SHAPES),
            options: MjvOption::default(),
            data,
            row: RowLayout::new(&model),
            cameras: cameras(task.domain(), &model),
            viewport: MjrRectangle::new(0, 0, width as i32, height as i32),
        })
    }

    /// Returns the names of the cameras, the best first.
    pub fn cameras(&self) -> Vec<String> {
        self.cameras.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Returns the camera of this name, or of this number in the order of [`Renderer::cameras`].
    ///
    /// # Errors
    /// [`RenderError::UnknownCamera`], which lists those there are.
    pub fn camera(&self, wanted: &str) -> Result<Camera, RenderError> {
        let by_name = self.cameras.iter().find(|(name, _)| name == wanted);
        let by_number = || self.cameras.get(wanted.parse::<usize>().ok()?);
        match by_name.or_else(by_number) {
            Some((_, camera)) => Ok(*camera),
            None => {
                let (camera, known) = (wanted.into(), self.cameras());
                Err(RenderError::UnknownCamera { camera, known })
            }
        }
    }

    /// Returns the name of the library that draws: `EGL` or `OSMesa`.
    pub fn library(&self) -> &'static str {
        self.gl.name()
    }

    /// Draws the state of one environment and returns red, green and blue of each pixel, row by row
    /// from the upper left corner.
    ///
    /// # Errors
    /// [`RenderError::Env`] for a state of another length than the task's.
    pub fn draw(&mut self, state: &[f64], camera: Camera) -> Result<Vec<u8>, RenderError> {
        if state.len() != self.row.len() {
            let (expected, got) = (self.row.len(), state.len());
            return Err(EnvError::State { what: "states", expected, got }.into());
        }
        self.row.load(&mut self.data, state).map_err(|error| self.failed(&error))?;
        self.data.forward();
        let mut camera = self.placed(camera);
        let still = MjvPerturb::default();
        // An update centres the endless floor on the camera of the one before, which may have stood
        // elsewhere.
        for _ in 0..2 {
            self.scene.update(&mut self.data, &self.options, &still, &mut camera);
        }
        self.scene.render(&self.viewport, &self.context);
        let (width, height) = (self.viewport.width as usize, self.viewport.height as usize);
        let mut below_first = vec![0; 3 * width * height];
        self.context
            .read_pixels(Some(&mut below_first), None, &self.viewport)
            .map_err(|error| RenderError::Gl { what: error.to_string() })?;
        // OpenGL begins with the lowest row.
        let rows = below_first.chunks_exact(3 * width).rev();
        Ok(rows.flatten().copied().collect())
    }

    fn failed(&self, error: &dyn std::error::Error) -> EnvError {
        EnvError::Mujoco { task: self.task.clone(), what: error.to_string() }
    }

    /// Returns where MuJoCo's camera is for the present state.
    fn placed(&self, camera: Camera) -> MjvCamera {
        let model = self.data.model();
        match camera.0 {
            Kind::Free => MjvCamera::new_free(model),
            Kind::Model(index) => MjvCamera::new_fixed(index),
            Kind::View(view) => {
                let mut lookat = view.at;
                if let Follows::Body(name) = view.follows
                    && let Some(body) = model.name_to_id(MjtObjBase::mjOBJ_BODY, name)
                {
                    let centre = self.data.subtree_com()[body];
                    lookat[0] += centre[0];
                    lookat[1] += centre[1];
                }
                let (azimuth, elevation) = (view.azimuth, view.elevation);
                let (distance, free) = (view.distance, MjvCamera::new_free(model));
                MjvCamera { lookat, distance, azimuth, elevation, ..free }
            }
        }
    }
}

/// Returns the cameras of a model: the views of its domain, those of its own, and a free one.
fn cameras(domain: &str, model: &MjModel) -> Vec<(String, Camera)> {
    let named = |index| match model.id_to_name(MjtObjBase::mjOBJ_CAMERA, index) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("camera{index}"),
    };
    let ours = views(domain).iter().map(|view| (view.name.to_owned(), Kind::View(view)));
    let own = (0..model.ncam() as usize).map(|index| (named(index), Kind::Model(index)));
    let all = ours.chain(own).chain([(FREE.to_owned(), Kind::Free)]);
    all.map(|(name, kind)| (name, Camera(kind))).collect()
}
