//! A context of EGL without a surface, on the first device that has one.
//!
//! The devices of the machine come first (`EGL_EXT_platform_device`), which are its graphics cards
//! and, with Mesa, a renderer in software; then Mesa's platform without surfaces; then whatever
//! EGL takes by itself, which may be a window system.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use super::library::Library;

const NAMES: [&str; 2] = ["libEGL.so.1", "libEGL.so"];

const NONE: c_int = 0x3038;
const PBUFFER_BIT: c_int = 0x0001;
const OPENGL_BIT: c_int = 0x0008;
const OPENGL_API: c_uint = 0x30A2;
const PLATFORM_DEVICE: c_uint = 0x313F;
const PLATFORM_SURFACELESS: c_uint = 0x31DD;
/// `EGL_SURFACE_TYPE`, `EGL_RENDERABLE_TYPE`, `EGL_RED_SIZE`, `EGL_DEPTH_SIZE`: MuJoCo draws into
/// buffers of its own, so little is asked for.
const CONFIG: [c_int; 9] = [0x3033, PBUFFER_BIT, 0x3040, OPENGL_BIT, 0x3024, 8, 0x3025, 16, NONE];
/// The most devices that are tried.
const DEVICES: usize = 16;

type Handle = *mut c_void;
type GetProcAddress = unsafe extern "C" fn(*const c_char) -> *mut c_void;
type QueryDevices = unsafe extern "C" fn(c_int, *mut Handle, *mut c_int) -> c_uint;
type GetPlatformDisplay = unsafe extern "C" fn(c_uint, Handle, *const c_int) -> Handle;
type GetDisplay = unsafe extern "C" fn(Handle) -> Handle;
type Initialize = unsafe extern "C" fn(Handle, *mut c_int, *mut c_int) -> c_uint;
type Terminate = unsafe extern "C" fn(Handle) -> c_uint;
type BindApi = unsafe extern "C" fn(c_uint) -> c_uint;
type ChooseConfig =
    unsafe extern "C" fn(Handle, *const c_int, *mut Handle, c_int, *mut c_int) -> c_uint;
type CreateContext = unsafe extern "C" fn(Handle, Handle, Handle, *const c_int) -> Handle;
type DestroyContext = unsafe extern "C" fn(Handle, Handle) -> c_uint;
type MakeCurrent = unsafe extern "C" fn(Handle, Handle, Handle, Handle) -> c_uint;

/// The functions of EGL that are used, by the types of EGL/egl.h and EGL/eglext.h.
#[derive(Clone, Copy)]
struct Functions {
    get_display: GetDisplay,
    initialize: Initialize,
    terminate: Terminate,
    bind_api: BindApi,
    choose_config: ChooseConfig,
    create_context: CreateContext,
    destroy_context: DestroyContext,
    make_current: MakeCurrent,
    query_devices: Option<QueryDevices>,
    get_platform_display: Option<GetPlatformDisplay>,
}

/// A context that is current in its thread.
pub(super) struct Egl {
    functions: Functions,
    display: Handle,
    context: Handle,
}

impl Egl {
    /// Makes a context current in this thread.
    pub(super) fn open() -> Result<Egl, String> {
        let library = Library::open(&NAMES)?;
        let functions = Functions::of(&library)?;
        let mut why = String::from("it knows no display");
        for display in functions.displays() {
            match functions.context(display) {
                Ok(context) => {
                    library.keep_open();
                    return Ok(Egl { functions, display, context });
                }
                Err(what) => why = what.into(),
            }
        }
        Err(why)
    }
}

impl Drop for Egl {
    fn drop(&mut self) {
        let Functions { make_current, destroy_context, terminate, .. } = self.functions;
        // SAFETY: display and context were made by this library, which stays open, and are given
        // back once; with all handles null the thread is left without a context.
        unsafe {
            make_current(self.display, ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            destroy_context(self.display, self.context);
            terminate(self.display);
        }
    }
}

impl Functions {
    fn of(library: &Library) -> Result<Functions, String> {
        // SAFETY: the types are those of EGL/egl.h.
        unsafe {
            let address: GetProcAddress = library.function("eglGetProcAddress")?;
            Ok(Functions {
                get_display: library.function("eglGetDisplay")?,
                initialize: library.function("eglInitialize")?,
                terminate: library.function("eglTerminate")?,
                bind_api: library.function("eglBindAPI")?,
                choose_config: library.function("eglChooseConfig")?,
                create_context: library.function("eglCreateContext")?,
                destroy_context: library.function("eglDestroyContext")?,
                make_current: library.function("eglMakeCurrent")?,
                query_devices: extension(address, c"eglQueryDevicesEXT"),
                get_platform_display: extension(address, c"eglGetPlatformDisplayEXT"),
            })
        }
    }

    /// Returns the displays that may have a context, the best first.
    fn displays(&self) -> Vec<Handle> {
        let mut displays = Vec::new();
        if let Some(get) = self.get_platform_display {
            let devices = self.devices();
            let places = devices.into_iter().map(|device| (PLATFORM_DEVICE, device));
            for (platform, place) in places.chain([(PLATFORM_SURFACELESS, ptr::null_mut())]) {
                // SAFETY: the device is one of EGL's own, and null is the only display of the
                // platform without surfaces; no attributes are given.
                displays.push(unsafe { get(platform, place, ptr::null()) });
            }
        }
        // SAFETY: null is EGL_DEFAULT_DISPLAY.
        displays.push(unsafe { (self.get_display)(ptr::null_mut()) });
        displays.retain(|display| !display.is_null());
        displays
    }

    fn devices(&self) -> Vec<Handle> {
        let Some(query) = self.query_devices else { return Vec::new() };
        let (mut devices, mut count) = ([ptr::null_mut(); DEVICES], 0);
        // SAFETY: there is room for as many devices as are asked for.
        let found = unsafe { query(DEVICES as c_int, devices.as_mut_ptr(), &mut count) };
        let count = if found == 0 { 0 } else { count.max(0) as usize };
        devices.into_iter().take(count).collect()
    }

    /// Makes a context of OpenGL on `display` current, or says what it lacks.
    fn context(&self, display: Handle) -> Result<Handle, &'static str> {
        // SAFETY: every pointer is to a local variable or null where EGL allows that, and `display`
        // is one of EGL's own; what was begun is ended again where a step fails.
        unsafe {
            if (self.initialize)(display, ptr::null_mut(), ptr::null_mut()) == 0 {
                return Err("no display can be initialised");
            }
            let made = self.context_of_initialized(display);
            if made.is_err() {
                (self.terminate)(display);
            }
            made
        }
    }

    /// # Safety
    /// `display` must be an initialised display of EGL.
    unsafe fn context_of_initialized(&self, display: Handle) -> Result<Handle, &'static str> {
        let (mut config, mut count) = (ptr::null_mut(), 0);
        // SAFETY: there is room for the one configuration that is asked for, the list of attributes
        // ends with `NONE`, and handles are null where there is no surface or shared context.
        unsafe {
            if (self.bind_api)(OPENGL_API) == 0 {
                return Err("it has no OpenGL");
            }
            let chosen = (self.choose_config)(display, CONFIG.as_ptr(), &mut config, 1, &mut count);
            if chosen == 0 || count == 0 {
                return Err("it has no configuration with OpenGL");
            }
            let context = (self.create_context)(display, config, ptr::null_mut(), ptr::null());
            if context.is_null() {
                return Err("it made no context");
            }
            let none = ptr::null_mut();
            if (self.make_current)(display, none, none, context) == 0 {
                (self.destroy_context)(display, context);
                return Err("its context cannot be made current without a surface");
            }
            Ok(context)
        }
    }
}

/// Returns the function `name` of an extension, if there is one.
///
/// # Safety
/// `F` must be a pointer to a function of the type that EGL/eglext.h gives `name`.
unsafe fn extension<F: Copy>(address: GetProcAddress, name: &CStr) -> Option<F> {
    // SAFETY: `name` ends with a zero byte. A pointer to a function is as large as one to data, and
    // the caller vouches for its type.
    unsafe {
        let found = address(name.as_ptr());
        (!found.is_null()).then(|| std::mem::transmute_copy(&found))
    }
}
