//! Where the library of an MPI lies: beside the launcher, where modules and environments point,
//! where the system's loader looks, and in the usual folders.

use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::ranks::launcher::Engine;

/// The environment variable that names the library.
const VARIABLE: &str = "FPO_MPI_LIB";

/// Variables that name the folder in which an MPI is installed.
const ROOTS: [&str; 10] = [
    "MPI_HOME",
    "MPI_ROOT",
    "MPI_DIR",
    "OPAL_PREFIX",
    "EBROOTOPENMPI",
    "EBROOTMPICH",
    "I_MPI_ROOT",
    "CRAY_MPICH_DIR",
    "CONDA_PREFIX",
    "VIRTUAL_ENV",
];

/// Folders of libraries in which the loader does not look: Fedora's, Homebrew's.
const FOLDERS: [&str; 5] = [
    "/usr/lib64/openmpi/lib",
    "/usr/lib64/mpich/lib",
    "/opt/homebrew/lib",
    "/usr/local/lib",
    "/home/linuxbrew/.linuxbrew/lib",
];

const OPEN_MPI: [&str; 3] = ["libmpi.so.40", "libmpi.40.dylib", "libmpi.so"];
const MPICH: [&str; 6] = [
    "libmpich.so.12",
    "libmpi.so.12",
    "libmpi.12.dylib",
    "libmpi_cray.so.12",
    "libmpi_gnu.so.12",
    "libmpi.so",
];

/// Returns the first library that can be loaded and is of the engine's kind, and its name.
///
/// # Errors
/// What was tried, and why it did not do.
pub(super) fn load(engine: Engine) -> Result<(Library, String), Vec<String>> {
    let given = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    if let Some(path) = given {
        let name = Path::new(&path).display().to_string();
        // Whoever names a library knows its kind.
        return match open(&name) {
            Ok(library) => Ok((library, name)),
            Err(why) => Err(vec![format!("{VARIABLE}={name}: {why}")]),
        };
    }
    let mut tried = Vec::new();
    for name in candidates(engine, &roots()) {
        match open(&name) {
            Ok(library) if is_of(&library, engine) => return Ok((library, name)),
            Ok(other) => {
                tried.push(format!("{name}: of another kind"));
                // A library of MPI does not bear to be unloaded.
                std::mem::forget(other);
            }
            Err(why) => tried.push(why),
        }
    }
    tried.dedup();
    Err(tried)
}

fn open(name: &str) -> Result<Library, String> {
    // SAFETY: Loading runs the library's initialisers; those of an MPI do nothing before it is
    // initialised. Its plug-ins look for its symbols among the global ones.
    let opened = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    // The loader's own words name the library.
    opened.map_err(|error| match std::error::Error::source(&error) {
        Some(source) => source.to_string(),
        None => format!("{name}: {error}"),
    })
}

/// Returns whether a library is an MPI of the engine's kind.
fn is_of(library: &Library, engine: Engine) -> bool {
    let has = |name: &[u8]| {
        // SAFETY: The symbol is only looked up, and not used.
        unsafe { library.get::<*const std::ffi::c_void>(name) }.is_ok()
    };
    let is_open_mpi = has(b"ompi_mpi_comm_world\0");
    has(b"MPI_Init_thread\0")
        && match engine {
            Engine::OpenMpi => is_open_mpi,
            Engine::Mpich => !is_open_mpi,
            Engine::Unknown => true,
        }
}

/// Returns the folders in which MPIs may be installed, the likeliest first.
fn roots() -> Vec<PathBuf> {
    let above = |program: PathBuf| Some(program.parent()?.parent()?.to_path_buf());
    let parent = rustix::process::getppid().map(|id| id.as_raw_nonzero());
    let parent = parent.and_then(|id| std::fs::read_link(format!("/proc/{id}/exe")).ok());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path)
        .map(|folder| folder.join("mpirun"))
        .filter(|program| program.exists())
        .flat_map(|program| [program.canonicalize().ok(), Some(program)])
        .flatten();
    let named = ROOTS.iter().filter_map(std::env::var_os).map(PathBuf::from);
    parent.into_iter().chain(on_path).filter_map(above).chain(named).collect()
}

/// Returns what to try, in this order.
fn candidates(engine: Engine, roots: &[PathBuf]) -> Vec<String> {
    let names: Vec<&str> = match engine {
        Engine::OpenMpi => OPEN_MPI.to_vec(),
        Engine::Mpich => MPICH.to_vec(),
        Engine::Unknown => [&OPEN_MPI[..], &MPICH].concat(),
    };
    let folders = roots
        .iter()
        .flat_map(|root| ["lib", "lib64", "lib/release"].map(|folder| root.join(folder)))
        // There the loader looks itself, and the kind of what lies there is anybody's guess.
        .filter(|folder| !["/usr/lib", "/usr/lib64", "/lib"].iter().any(|x| folder.ends_with(x)));
    let all = |folder: PathBuf| names.iter().map(move |name| folder.join(name)).collect::<Vec<_>>();
    let existing = |path: &PathBuf| path.exists();
    let text = |path: PathBuf| path.display().to_string();
    let mut found: Vec<String> = folders.flat_map(all).filter(existing).map(text).collect();
    found.extend(names.iter().map(|name| name.to_string()));
    found.extend(FOLDERS.iter().map(PathBuf::from).flat_map(all).filter(existing).map(text));
    let mut known = std::collections::BTreeSet::new();
    found.retain(|name| known.insert(name.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_launcher_is_tried_before_what_the_loader_finds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("lib")).unwrap();
        let beside = dir.path().join("lib/libmpi.so.40");
        std::fs::write(&beside, "").unwrap();
        let found = candidates(Engine::OpenMpi, &[dir.path().into()]);
        assert_eq!(found[0], beside.display().to_string());
        assert_eq!(found[1], "libmpi.so.40");
        let other = candidates(Engine::Mpich, &[dir.path().into()]);
        assert!(!other.contains(&found[0]), "{other:?}");
    }

    #[test]
    fn what_is_no_library_is_told() {
        let error = open("/nowhere/libmpi.so").unwrap_err();
        assert!(error.contains("/nowhere/libmpi.so"), "{error}");
    }
}
