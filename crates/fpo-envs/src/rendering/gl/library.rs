//! A shared library that is looked for at run time, under one of several names.

/// A library that every other library of the process can look into.
pub(super) struct Library {
    #[cfg(unix)]
    inner: libloading::os::unix::Library,
}

#[cfg(unix)]
impl Library {
    /// Opens the first of `names` that is there.
    pub(super) fn open(names: &[&str]) -> Result<Library, String> {
        use libloading::os::unix::{Library as Found, RTLD_GLOBAL, RTLD_NOW};
        for name in names {
            // SAFETY: the names are those of EGL and OSMesa, whose constructors only set up their
            // own data. `RTLD_GLOBAL` lets MuJoCo find their functions.
            if let Ok(inner) = unsafe { Found::open(Some(*name), RTLD_NOW | RTLD_GLOBAL) } {
                return Ok(Library { inner });
            }
        }
        Err(format!("no {}", names.join(" or ")))
    }

    /// Leaves the library open until the process ends: MuJoCo looks the functions of OpenGL up once
    /// and calls them for every later context.
    pub(super) fn keep_open(self) {
        std::mem::forget(self.inner);
    }

    /// Returns the function `name`.
    ///
    /// # Safety
    /// `F` must be a pointer to a function of the type that the library's header gives it.
    pub(super) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, String> {
        // SAFETY: the caller vouches for the type.
        let found = unsafe { self.inner.get::<F>(name.as_bytes()) };
        found.map(|found| *found).map_err(|_| format!("it has no {name}"))
    }
}

#[cfg(not(unix))]
impl Library {
    pub(super) fn open(_names: &[&str]) -> Result<Library, String> {
        Err("not on this system".into())
    }

    pub(super) fn keep_open(self) {}

    /// Returns nothing, for there is no library.
    ///
    /// # Safety
    /// Always safe.
    pub(super) unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, String> {
        Err(format!("no {name}"))
    }
}
