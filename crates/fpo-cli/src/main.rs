//! fpo
fn main() {}
