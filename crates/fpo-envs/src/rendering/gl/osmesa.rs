//! A context of OSMesa: Mesa's OpenGL in software, into a buffer in memory.

use std::ffi::{c_int, c_uint, c_void};
use std::ptr;

use super::library::Library;

const NAMES: [&str; 3] = ["libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"];
/// `OSMESA_RGBA` and `GL_UNSIGNED_BYTE`.
const RGBA: c_uint = 0x1908;
const UNSIGNED_BYTE: c_uint = 0x1401;
/// Bits of depth, stencil and accumulation buffer of a context.
const DEPTH_STENCIL_ACCUM: [c_int; 3] = [24, 8, 0];
/// Side of the buffer, in pixels. MuJoCo draws into buffers of its own, so any size will do.
const SIDE: c_int = 16;

type Handle = *mut c_void;
type Create = unsafe extern "C" fn(c_uint, c_int, c_int, c_int, Handle) -> Handle;
type MakeCurrent = unsafe extern "C" fn(Handle, *mut c_void, c_uint, c_int, c_int) -> u8;
type Destroy = unsafe extern "C" fn(Handle);

/// A context that is current in its thread.
pub(super) struct Osmesa {
    context: Handle,
    destroy: Destroy,
    /// The buffer into which the context writes.
    _buffer: Vec<u8>,
}

impl Osmesa {
    /// Makes a context current in this thread.
    pub(super) fn open() -> Result<Osmesa, String> {
        let library = Library::open(&NAMES)?;
        // SAFETY: the three types are those of GL/osmesa.h.
        let (create, make_current, destroy): (Create, MakeCurrent, Destroy) = unsafe {
            (
                library.function("OSMesaCreateContextExt")?,
                library.function("OSMesaMakeCurrent")?,
                library.function("OSMesaDestroyContext")?,
            )
        };
        let [depth, stencil, accum] = DEPTH_STENCIL_ACCUM;
        // SAFETY: the arguments are in the ranges of the documentation; no context is shared.
        let context = unsafe { create(RGBA, depth, stencil, accum, ptr::null_mut()) };
        if context.is_null() {
            return Err("it made no context".into());
        }
        let mut buffer = vec![0; 4 * (SIDE * SIDE) as usize];
        let pixels = buffer.as_mut_ptr().cast();
        // SAFETY: the buffer has four bytes for each of SIDE × SIDE pixels, does not move when the
        // vector does, and lives as long as the context.
        let current = unsafe { make_current(context, pixels, UNSIGNED_BYTE, SIDE, SIDE) } != 0;
        library.keep_open();
        let made = Osmesa { context, destroy, _buffer: buffer };
        if current { Ok(made) } else { Err("its context cannot be made current".into()) }
    }
}

impl Drop for Osmesa {
    fn drop(&mut self) {
        // SAFETY: the context was made by this library, which stays open, and is destroyed once.
        unsafe { (self.destroy)(self.context) };
    }
}
