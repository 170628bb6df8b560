//! Standard normals from random words: Box–Muller with elementary functions of our own.
//!
//! ```text
//! (a, b) = √(−2 ln u) · (cos 2πv, sin 2πv),   u and v from one word each
//! ```
//!
//! It uses only additions, multiplications and square roots, each rounded as IEEE 754 says, and no
//! fused multiply-add. A loop over words therefore vectorises to any width and gives the same bits
//! on every processor.

/// Returns two standard normals from two words.
#[inline(always)]
pub(crate) fn normals(first: u32, second: u32) -> (f32, f32) {
    let radius = (-2.0 * ln(unit_interval(first))).sqrt();
    let (cos, sin) = cos_sin_turns(unit_interval(second));
    (radius * cos, radius * sin)
}

/// Returns the centre of one of 2²⁴ equal cells of (0, 1).
#[inline(always)]
pub(crate) fn unit_interval(word: u32) -> f32 {
    ((word >> 8) as i32 as f32 + 0.5) * (1.0 / (1 << 24) as f32)
}

/// Returns `ln x` for normal x > 0, with an absolute error below 2e-7 times `1 + |ln x|`.
///
/// It splits `x = m·2ᵉ` with m in [√½, √2), and computes `ln m` by the Cephes polynomial in `m −
/// 1`.
#[inline(always)]
fn ln(x: f32) -> f32 {
    /// The bits of √½.
    const ROOT_HALF: i32 = 0x3f35_04f3;
    const COEFFICIENTS: [f32; 9] = [
        7.037_684e-2,
        -1.151_461e-1,
        1.167_699_9e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_5e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ];
    let bits = x.to_bits() as i32;
    let exponent = (bits - ROOT_HALF) >> 23;
    let m = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
    let exponent = exponent as f32;
    let mut p = 0.0;
    for c in COEFFICIENTS {
        p = p * m + c;
    }
    let square = m * m;
    let tail = p * m * square + exponent * -2.121_944_4e-4 - 0.5 * square;
    m + tail + exponent * 0.693_359_4
}

/// Returns `(cos 2πv, sin 2πv)` for v in [0, 1], with an absolute error below 2e-7.
#[inline(always)]
fn cos_sin_turns(v: f32) -> (f32, f32) {
    // v is a multiple of 2⁻²⁵, so what is left after whole quarter turns is exact.
    let quarters = (4.0 * v + 0.5) as i32;
    let x = (v - quarters as f32 * 0.25) * std::f32::consts::TAU;
    let x2 = x * x;
    let sin = ((-1.951_529_6e-4 * x2 + 8.332_161e-3) * x2 - 1.666_665_5e-1) * x2 * x + x;
    let cos =
        ((2.443_315_7e-5 * x2 - 1.388_731_6e-3) * x2 + 4.166_664_6e-2) * x2 * x2 - 0.5 * x2 + 1.0;
    let (c, s) = if quarters & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let c = if (quarters + 1) & 2 == 0 { c } else { -c };
    (c, if quarters & 2 == 0 { s } else { -s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_equals_the_standard_one() {
        let words = (0..1u32 << 24).step_by(97).chain([0, 1, 2, (1 << 24) - 1]);
        for word in words {
            let x = unit_interval(word << 8);
            let expected = f64::from(x).ln();
            let error = (f64::from(ln(x)) - expected).abs();
            assert!(error < 2e-7 * (1.0 + expected.abs()), "ln {x} off by {error:e}");
        }
    }

    #[test]
    fn cosine_and_sine_equal_the_standard_ones() {
        for word in (0..1u32 << 24).step_by(97).chain([0, 1, 1 << 22, 1 << 23, (1 << 24) - 1]) {
            let v = unit_interval(word << 8);
            let (sin, cos) = (f64::from(v) * std::f64::consts::TAU).sin_cos();
            let (c, s) = cos_sin_turns(v);
            let error = (f64::from(c) - cos).abs().max((f64::from(s) - sin).abs());
            assert!(error < 2e-7, "at {v} turns off by {error:e}");
        }
    }
}
