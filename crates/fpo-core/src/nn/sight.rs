//! What a network sees of an observation: some of its named groups, while the others are hidden.
//!
//! What is hidden is zero after normalisation, whatever it was. The standard deviation of a hidden
//! number is infinite, so that the division which every way of computing makes anyway gives zero:
//!
//! ```text
//! (x − mean) / ∞ = 0   for every finite x
//! ```
//!
//! A network keeps its size and the statistics their numbers. Zeros reach no weight and no gradient
//! of the first layer, so that what is hidden cannot reach an action.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A named group of an observation's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SightGroup {
    /// Its name.
    pub name: String,
    /// The index of its first number and that of the first one after it.
    pub range: [usize; 2],
}

/// The groups of an observation, and which of them a network does not see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sight {
    /// All groups, in the order of their numbers.
    pub groups: Vec<SightGroup>,
    /// The names of those that are hidden; at least one.
    pub hides: Vec<String>,
}

impl Sight {
    /// Returns the names of the groups that are seen.
    pub fn sees(&self) -> Vec<&str> {
        let names = self.groups.iter().map(|group| group.name.as_str());
        names.filter(|name| !self.hides.iter().any(|hidden| hidden == name)).collect()
    }

    /// Returns for each of an observation's `obs_dim` numbers whether it is hidden.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the groups follow one another and make up the whole observation,
    /// and if a hidden group does not exist, or none or all of them are hidden.
    pub fn hidden(&self, obs_dim: usize) -> Result<Vec<bool>> {
        let mut hidden = Vec::with_capacity(obs_dim);
        for SightGroup { name, range: [start, end] } in &self.groups {
            if *start != hidden.len() || end <= start || *end > obs_dim {
                return Err(Error::Invalid(format!(
                    "group `{name}` has the numbers {start} to {end}, which do not follow those \
                     before it within an observation of {obs_dim}"
                )));
            }
            hidden.resize(*end, self.hides.contains(name));
        }
        if hidden.len() != obs_dim {
            let len = hidden.len();
            return Err(Error::Invalid(format!(
                "the groups have {len} numbers, but the observations have {obs_dim}"
            )));
        }
        for name in &self.hides {
            if !self.groups.iter().any(|group| group.name == *name) {
                return Err(Error::Invalid(format!("hidden group `{name}` is not among them")));
            }
        }
        match (hidden.contains(&true), hidden.contains(&false)) {
            (true, true) => Ok(hidden),
            (false, _) => Err(Error::Invalid("no group is hidden".into())),
            (true, false) => Err(Error::Invalid("every group is hidden".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(hides: &[&str]) -> Sight {
        let group = |name: &str, range| SightGroup { name: name.into(), range };
        let groups = vec![group("position", [0, 2]), group("target", [2, 3])];
        Sight { groups, hides: hides.iter().map(|&name| name.into()).collect() }
    }

    #[test]
    fn hidden_groups_hide_their_numbers_and_no_others() {
        assert_eq!(sight(&["position"]).hidden(3).unwrap(), [true, true, false]);
        assert_eq!(sight(&["target"]).hidden(3).unwrap(), [false, false, true]);
        assert_eq!(sight(&["target"]).sees(), ["position"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let refused = |sight: Sight, dim| sight.hidden(dim).unwrap_err().to_string();
        assert!(refused(sight(&["velocity"]), 3).contains("`velocity`"));
        assert!(refused(sight(&["position", "target"]), 3).contains("every group is hidden"));
        assert!(refused(sight(&[]), 3).contains("no group is hidden"));
        assert!(refused(sight(&["target"]), 4).contains("have 3 numbers"));
        assert!(refused(sight(&["target"]), 2).contains("`target`"));
        let mut apart = sight(&["target"]);
        apart.groups[1].range = [1, 3];
        assert!(refused(apart, 3).contains("`target`"));
    }
}
