//! The kinds of policies that a policy file can hold: a new kind is one reader and one line in
//! [`POLICY_KINDS`].

use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde_json::Value;

use crate::error::Result;
use crate::policy::Policy;
use crate::policy::description::{FLOW, GAUSSIAN, read_flow, read_gaussian};
use crate::policy::flow::FlowPolicy;
use crate::policy::gaussian::GaussianPolicy;

/// A kind of policies, and the function that makes one from its description and its tensors.
#[derive(Clone, Copy, Debug)]
pub struct PolicyKind {
    /// Its name, the `kind` of a description ([`Policy::description`]).
    pub name: &'static str,
    /// Makes the policy from its description, on a device, with tensors that are found by name.
    pub read: Reader,
}

/// A function that makes a policy from a description and named tensors.
pub type Reader = fn(Value, &Device, &dyn Fn(&str) -> Option<Tensor>) -> Result<Arc<dyn Policy>>;

/// The kinds of this crate.
pub const POLICY_KINDS: [PolicyKind; 2] = [
    PolicyKind {
        name: FLOW,
        read: |description, device, find| {
            Ok(Arc::new(FlowPolicy::from_tensors(read_flow(description)?, device, find)?))
        },
    },
    PolicyKind {
        name: GAUSSIAN,
        read: |description, device, find| {
            Ok(Arc::new(GaussianPolicy::from_tensors(read_gaussian(description)?, device, find)?))
        },
    },
];
