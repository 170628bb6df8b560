//! Measures of how undecided a policy is, the entropy of its actions and the number of their modes,
//! and what numbers are like that training has spoilt.

pub(crate) mod knn_entropy;
pub mod modality;
pub(crate) mod summary;
