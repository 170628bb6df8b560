//! An OpenGL context without a window, from a library that is looked for at run time.
//!
//! MuJoCo draws with whatever context is current in the calling thread. To find the functions of
//! OpenGL it asks the process for `OSMesaGetProcAddress`, `glXGetProcAddressARB` or
//! `eglGetProcAddress`, so the library must be opened for all to see (`RTLD_GLOBAL`). Nothing is
//! linked: a program with this module starts on a machine without any of them.
//!
//! `MUJOCO_GL`, which MuJoCo's Python packages read too, chooses `egl` or `osmesa`; otherwise EGL
//! is tried first, since it knows graphics cards.

mod egl;
mod library;
mod osmesa;

use std::env;
use std::marker::PhantomData;

use self::egl::Egl;
use self::osmesa::Osmesa;
use crate::rendering::error::RenderError;

/// Chooses the library.
const VARIABLE: &str = "MUJOCO_GL";

/// A context that is current in the thread that opened it, as long as it lives.
pub struct Gl {
    _context: Context,
    name: &'static str,
    /// A context belongs to its thread.
    _stays: PhantomData<*const ()>,
}

/// The context by the library that made it, which is closed when this is dropped.
enum Context {
    Egl(#[allow(dead_code, reason = "lives as long as the context")] Egl),
    Osmesa(#[allow(dead_code, reason = "lives as long as the context")] Osmesa),
}

impl Gl {
    /// Opens a context in this thread.
    ///
    /// # Errors
    /// [`RenderError::NoGl`] says what was tried, [`RenderError::UnknownGl`] that `MUJOCO_GL` has
    /// another value than `egl` or `osmesa`.
    pub fn open() -> Result<Gl, RenderError> {
        let wanted = env::var(VARIABLE).unwrap_or_default().to_lowercase();
        let (egl, osmesa) = match wanted.as_str() {
            "" => (true, true),
            "egl" => (true, false),
            "osmesa" => (false, true),
            _ => return Err(RenderError::UnknownGl { given: wanted }),
        };
        let mut tried = Vec::new();
        if egl {
            match Egl::open() {
                Ok(context) => return Ok(Gl::of(Context::Egl(context), "EGL")),
                Err(what) => tried.push(format!("EGL: {what}")),
            }
        }
        if osmesa {
            match Osmesa::open() {
                Ok(context) => return Ok(Gl::of(Context::Osmesa(context), "OSMesa")),
                Err(what) => tried.push(format!("OSMesa: {what}")),
            }
        }
        Err(RenderError::NoGl { tried })
    }

    fn of(context: Context, name: &'static str) -> Gl {
        Gl { _context: context, name, _stays: PhantomData }
    }

    /// Returns the name of the library that made it.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
