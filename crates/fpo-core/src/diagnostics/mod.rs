//! Measures of how undecided a policy is: the entropy of its actions and the number of their modes.

pub(crate) mod knn_entropy;
pub mod modality;
