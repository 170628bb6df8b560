//! The choice of the instruction set on which the kernels run.

use std::fmt;
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

    /// Returns the one that [`Isa::forced`] names, or the fastest that this processor has. The
    /// choice is made once per process. It cannot fail: a program that wants a wrong `FPO_SIMD` to
    /// be an error asks [`Isa::forced`] first.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let fastest = || Isa::ALL.into_iter().rev().find(|isa| isa.is_available());
            Isa::forced().ok().flatten().or_else(fastest).unwrap_or(Isa::Portable)
        })
    }

    /// Returns the one that the environment variable `FPO_SIMD` names, `portable`, `avx2` or
    /// `avx512`, if it is set.
    ///
    /// # Errors
    /// If no instruction set has that name, or the processor lacks it.
    pub fn forced() -> Result<Option<Isa>, WrongIsa> {
        let value = std::env::var_os(VARIABLE);
        value.map(|value| Isa::available(&value.to_string_lossy())).transpose()
    }

    /// Returns the one of that name.
    fn available(name: &str) -> Result<Isa, WrongIsa> {
        let named = Isa::ALL.into_iter().find(|isa| isa.name() == name);
        match named {
            Some(isa) if isa.is_available() => Ok(isa),
            _ => Err(WrongIsa { value: name.to_owned(), exists: named.is_some() }),
        }
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

/// `FPO_SIMD` forces an instruction set on which the kernels cannot run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct WrongIsa {
    /// The value of the variable.
    value: String,
    /// Whether there is such an instruction set, which this processor lacks.
    exists: bool,
}

impl fmt::Display for WrongIsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = &self.value;
        write!(f, "the environment variable {VARIABLE} is `{value}`, which ")?;
        f.write_str(match self.exists {
            true => "this processor lacks",
            false => "is no instruction set of the kernels",
        })?;
        let available = Isa::ALL.into_iter().filter(|isa| isa.is_available());
        let names: Vec<_> = available.map(|isa| format!("`{}`", isa.name())).collect();
        write!(f, "; this processor has: {}", names.join(", "))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_set_is_forced_by_its_name_where_the_processor_has_it() {
        assert_eq!(Isa::available("portable"), Ok(Isa::Portable));
        for isa in Isa::ALL {
            assert_eq!(Isa::available(isa.name()).is_ok(), isa.is_available(), "{isa:?}");
        }
    }

    #[test]
    fn a_wrong_instruction_set_is_told_from_one_that_the_processor_lacks() {
        for wrong in ["portble", "AVX2", "", "fastest"] {
            let error = Isa::available(wrong).unwrap_err().to_string();
            for word in ["FPO_SIMD", &format!("`{wrong}`"), "is no instruction set", "`portable`"] {
                assert!(error.contains(word), "no {word:?} in {error}");
            }
        }
        let error = WrongIsa { value: "avx512".into(), exists: true }.to_string();
        assert!(error.contains("`avx512`, which this processor lacks; this processor has: `port"));
    }
}
