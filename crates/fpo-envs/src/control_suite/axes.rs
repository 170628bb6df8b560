//! Names for elements of `xmat`, a body's rotation matrix row by row.

/// The part of the body's z axis along the world's x axis: for a body that turns about the
/// y axis, the sine of its angle from upright.
pub(super) const Z_ALONG_X: usize = 2;
/// The part of the body's z axis along the world's z axis: the cosine of its angle from
/// upright.
pub(super) const Z_ALONG_Z: usize = 8;
