//! The scale of rewards, which can follow the returns, so that the value network learns numbers
//! near 1 whatever a task pays.
//!
//! Rewards are multiplied by a scale `s` before values are learnt. With R the value targets of an
//! update, in scaled units, every update is followed by
//!
//! ```text
//! c = (mean R²)^(−η/2),   s ← c·s,   last layer of V ← c · last layer of V
//! ```
//!
//! with η = 1 after the first update whose rollout has a reward that is not 0, which finds the size
//! of the returns, and 0.1 after all others. Values in units of reward, `V/s`, stay what they were:
//! PopArt's rule (arXiv 1602.07714) without its shift. The mean of R² is followed instead of the
//! variance, which vanishes where all returns are alike. Where all rewards of a rollout are 0 the
//! scale stays: its targets are what the value network says, and to bring those to 1 would only
//! make its noise larger.
//!
//! Gradients of `(V − R)²` become c times as large for the last layer and c² times for the layers
//! before it. Adam's moments are of gradients before that, so they follow: m by the same factors, v
//! by their squares. Else steps would be as much smaller until v has forgotten the larger ones.

use serde::{Deserialize, Serialize};

/// Whether the scale of rewards stays, or follows the returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardScaling {
    /// `reward_scale` throughout.
    #[default]
    Fixed,
    /// `reward_scale` until an update has seen a reward; then the root mean square of value targets
    /// is brought to 1. Needs Adam.
    Returns,
}

/// η of all updates but the first.
const SHARE: f64 = 0.1;

/// The largest factor of an update but the first, so that a rare first reward does not blow the
/// scale up before others come.
const LARGEST: f64 = 2.0;

impl RewardScaling {
    /// Returns the factor of the scale after an update whose value targets had this mean square, or
    /// `None` where the scale stays.
    pub(crate) fn factor(self, mean_square: f64, is_first: bool) -> Option<f64> {
        if self == RewardScaling::Fixed || !mean_square.is_normal() {
            return None;
        }
        Some(match is_first {
            true => mean_square.powf(-0.5),
            false => mean_square.powf(-0.5 * SHARE).clamp(1.0 / LARGEST, LARGEST),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RewardScaling::{Fixed, Returns};

    #[test]
    fn the_first_update_finds_the_size_of_returns_and_the_others_follow_it() {
        assert_eq!(Returns.factor(400.0, true), Some(0.05));
        // 1024^(−1/2·1/10) = 2^(−1/2).
        let factor = Returns.factor(1024.0, false).unwrap();
        assert!((factor - 0.5f64.sqrt()).abs() < 1e-15, "{factor}");
        assert_eq!(Returns.factor(1.0, false), Some(1.0));
        assert_eq!(Returns.factor(1e-10, false), Some(2.0));
        assert_eq!(Returns.factor(1e10, false), Some(0.5));
    }

    #[test]
    fn the_scale_stays_where_there_is_no_return_or_it_is_fixed() {
        for mean_square in [0.0, 1e-310, f64::NAN, f64::INFINITY] {
            assert_eq!(Returns.factor(mean_square, true), None, "{mean_square}");
        }
        assert_eq!(Fixed.factor(400.0, true), None);
    }
}
