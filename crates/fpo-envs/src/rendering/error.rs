//! The errors of rendering, one variant per cause that a caller may want to tell apart.

use thiserror::Error;

use crate::error::EnvError;

/// The error of every fallible call of [`rendering`](crate::rendering).
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// No way to draw without a window was found on this machine.
    #[error(
        "no OpenGL without a window on this machine: {}; either library is enough: EGL \
         (Debian and Ubuntu: libegl1 and libgl1-mesa-dri, or the driver of the card) or OSMesa \
         (libosmesa6)",
        tried.join("; ")
    )]
    NoGl {
        /// What was tried, and why each did not do.
        tried: Vec<String>,
    },
    /// `MUJOCO_GL` names something that cannot draw without a window.
    #[error(
        "MUJOCO_GL={given}: drawing without a window is done by egl or osmesa; unset it to take \
         whichever is there"
    )]
    UnknownGl {
        /// The value that was found.
        given: String,
    },
    /// The OpenGL that was found failed.
    #[error("OpenGL: {what}")]
    Gl {
        /// What went wrong.
        what: String,
    },
    /// The model has no camera of this name or number.
    #[error("unknown camera `{camera}`; there are {}", listed(known))]
    UnknownCamera {
        /// The camera that was asked for.
        camera: String,
        /// Names of all cameras.
        known: Vec<String>,
    },
    /// A picture of this size cannot be drawn.
    #[error("a picture of {width}x{height} pixels cannot be drawn; each side must be {range}")]
    Size {
        /// Width that was asked for, in pixels.
        width: u32,
        /// Height that was asked for, in pixels.
        height: u32,
        /// The lengths that are allowed.
        range: &'static str,
    },
    /// The task or its model failed.
    #[error(transparent)]
    Env(#[from] EnvError),
}

/// Returns names with the numbers by which they may be called, too.
fn listed(names: &[String]) -> String {
    let numbered = names.iter().enumerate().map(|(index, name)| format!("{index} {name}"));
    numbered.collect::<Vec<_>>().join(", ")
}
