//! Measures of a policy: how undecided it is, by the entropy of its actions and the number of their
//! modes, and how likely an action of a flow is.

pub(crate) mod knn_entropy;
pub mod likelihood;
pub mod modality;
