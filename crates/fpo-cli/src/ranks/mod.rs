//! Processes that make one run together, its ranks: who started them, and how they reach each
//! other.
//!
//! A launcher such as `mpirun` starts the same command several times and tells each process its
//! number. The processes then talk over MPI, whose library is looked for and loaded at run time, so
//! that one program works with each of them and without any.

pub mod launcher;
mod library;
pub mod mpi;
pub mod processors;

use std::sync::Arc;

use anyhow::{Result, bail};

use crate::ranks::launcher::Launcher;
use crate::ranks::mpi::Mpi;

/// Whether the processes that a launcher has started make one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RanksChoice {
    /// They do.
    #[default]
    Auto,
    /// Each makes a run of its own.
    Off,
}

/// Reads `auto` or `off`.
///
/// # Errors
/// Says what is allowed.
pub fn parse_ranks(text: &str) -> Result<RanksChoice, String> {
    match text {
        "auto" => Ok(RanksChoice::Auto),
        "off" => Ok(RanksChoice::Off),
        _ => Err("allowed: auto, off".into()),
    }
}

/// Joins the other processes that the launcher of this one has started; `None` where there are no
/// others, or they are not to be joined.
///
/// # Errors
/// If there are others and they cannot be reached: MPI cannot be loaded, or counts other processes
/// than the launcher.
pub fn join(choice: RanksChoice) -> Result<Option<Arc<Mpi>>> {
    let launcher = match choice {
        RanksChoice::Auto => launcher::launcher().filter(|launcher| launcher.size > 1),
        RanksChoice::Off => None,
    };
    let Some(launcher) = launcher else { return Ok(None) };
    let Launcher { name, rank, size, .. } = launcher;
    let (mpi, path) = match library::load(launcher.engine) {
        Ok((library, path)) => (Mpi::init(library, path.contains("mpi_abi"))?, path),
        Err(tried) => bail!(
            "{name} has started {size} processes, and MPI, over which they would make one run, \
             cannot be loaded ({}); set FPO_MPI_LIB to the library of the MPI that {name} belongs \
             to, or give --ranks off for runs of their own",
            tried.join("; ")
        ),
    };
    if mpi.place() != (rank, size) {
        let (found, of) = mpi.place();
        mpi.finalize();
        bail!(
            "{name} has started {size} processes, of which this is number {rank}, and for MPI \
             ({path}) it is number {found} of {of}: set FPO_MPI_LIB to the library of the MPI that \
             {name} belongs to; under Slurm see `srun --mpi=list`"
        );
    }
    Ok(Some(Arc::new(mpi)))
}
