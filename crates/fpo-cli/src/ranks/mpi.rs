//! MPI behind the trait of a communicator, from a library that was loaded at run time.
//!
//! Its functions have the same form in every MPI. What differs is what names a communicator or a
//! type of data: Open MPI has addresses of its own variables, MPICH and its kin have numbers, and
//! the interface of MPI 5 has other numbers. A function that takes a number reads the lower half of
//! the register or place on the stack in which the wider one lies.

use std::ffi::{c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;

use anyhow::{Context, Result, bail};
use fpo_core::{Communicator, Error};
use libloading::os::unix::Library;

/// What names a communicator or a type of data.
type Handle = usize;

type Init = unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int;
type Place = unsafe extern "C" fn(Handle, *mut c_int) -> c_int;
type Abort = unsafe extern "C" fn(Handle, c_int) -> c_int;
type AllGather = unsafe extern "C" fn(
    *const c_void,
    c_int,
    Handle,
    *mut c_void,
    *const c_int,
    *const c_int,
    Handle,
    Handle,
) -> c_int;
type AllToAll = unsafe extern "C" fn(
    *const c_void,
    *const c_int,
    *const c_int,
    Handle,
    *mut c_void,
    *const c_int,
    *const c_int,
    Handle,
    Handle,
) -> c_int;
type Broadcast = unsafe extern "C" fn(*mut c_void, c_int, Handle, c_int, Handle) -> c_int;

/// All processes that a launcher has started, over MPI. Where it goes away without
/// [`Mpi::finalize`], as in a panic, all of them are ended: the others would wait for ever.
#[derive(Debug)]
pub struct Mpi {
    rank: usize,
    size: usize,
    world: Handle,
    /// The type of 32-bit words.
    word: Handle,
    all_gather: AllGather,
    all_to_all: AllToAll,
    broadcast: Broadcast,
    barrier: unsafe extern "C" fn(Handle) -> c_int,
    abort: Abort,
    finalize: unsafe extern "C" fn() -> c_int,
    /// The only thread that may call the library.
    thread: ThreadId,
    is_over: AtomicBool,
    /// A library of MPI does not bear to be unloaded.
    _library: ManuallyDrop<Library>,
}

impl Mpi {
    /// Initialises the MPI in `library`, which `has_standard_names` if it is one with the interface
    /// of MPI 5. All that follows must be called from the thread that calls this.
    ///
    /// # Errors
    /// If a function is missing, or MPI cannot be initialised.
    pub(super) fn init(library: Library, has_standard_names: bool) -> Result<Mpi> {
        let address = |name: &[u8]| {
            // SAFETY: Only the address of the variable is taken.
            let symbol = unsafe { library.get::<*const c_void>(name) };
            symbol.map(|symbol| symbol.as_raw_ptr() as Handle)
        };
        // The last number asks for calls from one thread among several.
        let (world, word, one_thread) = match address(b"ompi_mpi_comm_world\0") {
            Ok(world) => (world, address(b"ompi_mpi_unsigned\0")?, 1),
            Err(_) if has_standard_names => (0x101, 0x20d, 1024),
            Err(_) => (0x4400_0000, 0x4c00_0406, 1),
        };
        macro_rules! function {
            ($name:literal) => {{
                let name = concat!($name, "\0").as_bytes();
                // SAFETY: A function of this name has the form that the standard gives it, which is
                // that of the field that it becomes.
                *unsafe { library.get(name) }.context(concat!("this MPI lacks ", $name))?
            }};
        }
        let init: Init = function!("MPI_Init_thread");
        let of_rank: Place = function!("MPI_Comm_rank");
        let of_size: Place = function!("MPI_Comm_size");
        let mut mpi = Mpi {
            rank: 0,
            size: 1,
            world,
            word,
            all_gather: function!("MPI_Allgatherv"),
            all_to_all: function!("MPI_Alltoallv"),
            broadcast: function!("MPI_Bcast"),
            barrier: function!("MPI_Barrier"),
            abort: function!("MPI_Abort"),
            finalize: function!("MPI_Finalize"),
            thread: std::thread::current().id(),
            // As long as it is not initialised there is nothing to end.
            is_over: AtomicBool::new(true),
            _library: ManuallyDrop::new(library),
        };
        let (mut rank, mut size, mut provided) = (0, 0, 0);
        // SAFETY: The standard allows null for the arguments; the other pointers are to integers
        // that live through the calls, and `world` names the communicator of all processes.
        let codes = unsafe {
            [
                init(ptr::null_mut(), ptr::null_mut(), one_thread, &mut provided),
                of_rank(world, &mut rank),
                of_size(world, &mut size),
            ]
        };
        mpi.is_over = AtomicBool::new(false);
        if codes != [0; 3] {
            bail!("MPI cannot be initialised (codes {codes:?})");
        }
        if provided < one_thread {
            bail!("this MPI allows no threads beside the one that calls it");
        }
        (mpi.rank, mpi.size) = (usize::try_from(rank)?, usize::try_from(size)?);
        Ok(mpi)
    }

    /// Returns the number of this process, and how many there are.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.rank, self.size)
    }

    /// Ends what all processes have in common, in good order: all of them must call it.
    pub fn finalize(&self) {
        if self.is_here() && !self.is_over.swap(true, Ordering::Relaxed) {
            // SAFETY: It is initialised, not finalised yet, and this is the thread that may call.
            unsafe { (self.finalize)() };
        }
    }

    /// Ends all processes at once.
    pub fn abort(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            // SAFETY: It is initialised and not finalised. Where another thread is within a call,
            // the process ends all the same.
            unsafe { (self.abort)(self.world, 1) };
        }
    }

    /// Returns whether this is the thread that may call the library.
    fn is_here(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// Fails unless the library may be called.
    fn require(&self) -> Result<(), Error> {
        match self.is_here() && !self.is_over.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Error::Rank("MPI is called from another thread, or after its end".into())),
        }
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Fails unless a function has returned 0.
fn check(what: &str, code: c_int) -> Result<(), Error> {
    match code {
        0 => Ok(()),
        code => Err(Error::Rank(format!("the other ranks cannot be reached: {what}: {code}"))),
    }
}

fn int(count: usize) -> Result<c_int, Error> {
    c_int::try_from(count).map_err(|_| Error::Rank(format!("{count} words are too many")))
}

/// Returns counts, of which there must be `size`, and the places at which they begin, as MPI takes
/// them. Fails unless they fill `len` words.
fn places(counts: &[usize], size: usize, len: usize) -> Result<[Vec<c_int>; 2], Error> {
    let all = counts.iter().try_fold(0, |sum: usize, &count| sum.checked_add(count));
    if counts.len() != size || all != Some(len) {
        let text = format!("{counts:?} are not the words of {size} ranks, {len} in all");
        return Err(Error::Rank(text));
    }
    let mut at = 0;
    let mut starts = Vec::with_capacity(size);
    for &count in counts {
        starts.push(int(at)?);
        at += count;
    }
    int(at)?;
    Ok([counts.iter().map(|&count| int(count)).collect::<Result<_, _>>()?, starts])
}

impl Communicator for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather(&self, own: &[u32], counts: &[usize], all: &mut [u32]) -> Result<(), Error> {
        self.require()?;
        let [counts, starts] = places(counts, self.size, all.len())?;
        let own_count = int(own.len())?;
        if counts[self.rank] != own_count {
            return Err(Error::Rank(format!("{own_count} words, expected {}", counts[self.rank])));
        }
        // SAFETY: `own` has as many words as are sent, `all` has those that are received at the
        // given places, as was checked, and all slices live through the call.
        let code = unsafe {
            (self.all_gather)(
                own.as_ptr().cast(),
                own_count,
                self.word,
                all.as_mut_ptr().cast(),
                counts.as_ptr(),
                starts.as_ptr(),
                self.word,
                self.world,
            )
        };
        check("MPI_Allgatherv", code)
    }

    fn all_to_all(
        &self,
        send: &[u32],
        send_counts: &[usize],
        received: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<(), Error> {
        self.require()?;
        let [send_counts, send_starts] = places(send_counts, self.size, send.len())?;
        let [counts, starts] = places(receive_counts, self.size, received.len())?;
        // SAFETY: Both slices have the words at the given places, as was checked, and all slices
        // live through the call.
        let code = unsafe {
            (self.all_to_all)(
                send.as_ptr().cast(),
                send_counts.as_ptr(),
                send_starts.as_ptr(),
                self.word,
                received.as_mut_ptr().cast(),
                counts.as_ptr(),
                starts.as_ptr(),
                self.word,
                self.world,
            )
        };
        check("MPI_Alltoallv", code)
    }

    fn broadcast(&self, root: usize, words: &mut [u32]) -> Result<(), Error> {
        self.require()?;
        let (count, root) = (int(words.len())?, int(root)?);
        // SAFETY: `words` has as many words as are sent or received, and lives through the call.
        let code = unsafe {
            (self.broadcast)(words.as_mut_ptr().cast(), count, self.word, root, self.world)
        };
        check("MPI_Bcast", code)
    }

    fn barrier(&self) -> Result<(), Error> {
        self.require()?;
        // SAFETY: `world` names the communicator of all processes.
        check("MPI_Barrier", unsafe { (self.barrier)(self.world) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fill_the_words_are_refused_before_they_reach_the_library() {
        assert_eq!(places(&[2, 0, 3], 3, 5).unwrap(), [vec![2, 0, 3], vec![0, 2, 2]]);
        for (counts, len) in [(&[2, 0, 3][..], 6), (&[2, 3], 5), (&[usize::MAX, 1, 0], 0)] {
            assert!(places(counts, 3, len).is_err(), "{counts:?}");
        }
        assert!(int(1 << 31).is_err());
    }
}
