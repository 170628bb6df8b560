//! Elements of `xmat`, a body's rotation matrix row by row, by what they measure.

/// How far the body's z axis points along the world's x axis: for a body that turns about the
/// y axis, the sine of its angle from upright.
pub(super) const Z_ALONG_X: usize = 2;
/// How far the body's z axis points along the world's z axis: the cosine of its angle from
/// upright.
pub(super) const Z_ALONG_Z: usize = 8;
