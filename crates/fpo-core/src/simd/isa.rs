//! The choice of the instruction set on which the kernels run.

use std::sync::OnceLock;

use crate::simd::vector::{Portable, Simd};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// The build's own target, for which the compiler vectorises.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512F.
    Avx512,
}

/// The environment variable that forces an instruction set.
const VARIABLE: &str = "FPO_SIMD";

impl Isa {
    /// All of them, the slowest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// Returns the fastest that this processor has. If the environment variable `FPO_SIMD` names
    /// one of `portable`, `avx2` and `avx512` that the processor has, it returns that one instead.
    /// The choice is made once per process.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let mut available = Isa::ALL.into_iter().rev().filter(|isa| isa.is_available());
            let wanted = std::env::var(VARIABLE).ok();
            let forced = available.clone().find(|isa| Some(isa.name()) == wanted.as_deref());
            forced.or(available.next()).unwrap_or(Isa::Portable)
        })
    }

    /// Returns its name, as `FPO_SIMD` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Returns whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// Something that can be run on any instruction set.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;
    /// Runs it.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}

/// Runs `kernel` on `isa`, or portably where the processor lacks it.
#[inline]
pub(crate) fn run<K: Kernel>(isa: Isa, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => {
            if let Some(s) = Avx512::detect() {
                return kernel.run(s);
            }
        }
        Isa::Avx2 => {
            if let Some(s) = Avx2::detect() {
                return kernel.run(s);
            }
        }
        Isa::Portable => {}
    }
    let _ = isa;
    kernel.run(Portable)
}

/// Runs a loop over numbers, compiled for the best instruction set. `work` should be
/// `#[inline(always)]`.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    struct Loop<F>(F);
    impl<R, F: FnOnce() -> R> Kernel for Loop<F> {
        type Output = R;

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> R {
            s.vectorize(self.0)
        }
    }
    run(Isa::best(), Loop(work))
}
