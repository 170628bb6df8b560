//! Whether a policy keeps both ways where two are equally good. The rule is fixed, so that no state
//! is chosen because it looks well:
//!
//! 1. Around the first saddle, in five columns and five rows, the share of moves up is sampled.
//! 2. The state that is judged is the cell of the saddle's column where that share is nearest to
//!    one half, the nearer to the saddle the better: learning shifts the row in which a policy
//!    changes from one way to the other.
//! 3. At it, of 2,000 new samples each way must have at least 20 %, and the dip along the axis
//!    must reject a single mode with p < 0.01.
//! 4. One episode is played from every free cell from which a goal can be reached. All must reach a
//!    goal, and take at most 1.25 times the fewest steps together.

use anyhow::Result;
use fpo_core::modality::{DipNull, Modality};
use fpo_envs::gridworld::Cell;
use serde::Serialize;

use crate::commands::figure::gridworld::distances::Distances;
use crate::commands::figure::gridworld::plan::{Place, Plan};
use crate::commands::figure::gridworld::sampled::Sampled;
use crate::commands::figure::gridworld::walks::{End, Rules};

/// Samples at each cell that is searched for the state to judge.
const SEARCH_SAMPLES: usize = 500;
/// Samples at the state that is judged.
pub const SAMPLES: usize = 2000;
/// The share that each way must have.
const LEAST_SHARE: f64 = 0.2;
/// The p-value below which a single mode is rejected.
const SIGNIFICANCE: f64 = 0.01;
/// How many times the fewest steps the episodes may take.
const MOST_STEPS: f64 = 1.25;

/// What was found out by the rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ways {
    /// Cells around the saddle and the shares of moves up there.
    pub searched: Vec<(Place, f64)>,
    /// The cell that is judged.
    pub state: Place,
    /// Share of moves up there.
    pub up: f64,
    /// Share of moves down there.
    pub down: f64,
    /// Hartigan's dip of the samples there, along the axis on which the ways differ.
    pub dip: f64,
    /// Its p-value under a single mode.
    pub p_value: f64,
    /// Share of the episodes that reached a goal.
    pub success_rate: f64,
    /// Steps of the episodes, as a multiple of the fewest possible.
    pub relative_length: f64,
    /// Whether both ways are kept.
    pub kept: bool,
}

impl Ways {
    /// Judges a policy in a world whose saddles split up and down; `None` in another. `null` is for
    /// [`SAMPLES`] samples.
    ///
    /// # Errors
    /// If an action is not finite.
    pub fn of(
        plan: &Plan,
        rules: &Rules,
        policy: &mut Sampled,
        null: &DipNull,
    ) -> Result<Option<Ways>> {
        let Some(axis) = plan.axis else { return Ok(None) };
        let world = rules.world;
        let (column, row) = plan.saddles[0];
        let free = |&(x, y): &Place| world.map().get(x, y) == Some(Cell::Free);
        let shares = |policy: &mut Sampled, place: Place, samples: usize| -> Result<_> {
            let drawn = policy.act(&vec![place; samples])?;
            let rows: Vec<usize> =
                drawn.controls.iter().map(|&action| world.destination(place, action).1).collect();
            let share = |is: fn(&usize, &usize) -> bool| {
                rows.iter().filter(|y| is(y, &place.1)).count() as f64 / samples as f64
            };
            Ok((drawn, share(|y, from| y > from), share(|y, from| y < from)))
        };
        let around = |middle: usize, by: usize| {
            (0..5usize).filter_map(move |k| (middle + k * by).checked_sub(2 * by))
        };
        let cells: Vec<Place> =
            around(column, 2).flat_map(|x| around(row, 1).map(move |y| (x, y))).collect();
        let mut searched = Vec::new();
        for place in cells.into_iter().filter(free) {
            searched.push((place, shares(policy, place, SEARCH_SAMPLES)?.1));
        }
        let unevenness = |&((_, y), up): &(Place, f64)| ((up - 0.5).abs(), y.abs_diff(row));
        let own = searched.iter().filter(|((x, _), _)| *x == column);
        let found = own.min_by(|a, b| {
            let (a, b) = (unevenness(a), unevenness(b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        });
        let state = found.map_or(plan.saddles[0], |(place, _)| *place);
        let (drawn, up, down) = shares(policy, state, SAMPLES)?;
        let modality = Modality::of(drawn.raw.as_flattened(), 2, Some(&axis), null)?;

        let distances = Distances::of(world);
        let cells = world.map().cells(Cell::Free);
        let (starts, fewest): (Vec<Place>, Vec<usize>) =
            cells.filter_map(|place| Some((place, distances.from(place)?))).unzip();
        let walks = rules.walk(policy, &starts)?;
        let reached = walks.iter().filter(|walk| matches!(walk.end, End::Goal(_))).count();
        let steps: usize = walks.iter().map(|walk| walk.path.len() - 1).sum();
        let success_rate = reached as f64 / walks.len().max(1) as f64;
        let relative_length = steps as f64 / fewest.iter().sum::<usize>().max(1) as f64;
        let both = up >= LEAST_SHARE && down >= LEAST_SHARE && modality.p_value < SIGNIFICANCE;
        Ok(Some(Ways {
            searched,
            state,
            up,
            down,
            dip: modality.dip,
            p_value: modality.p_value,
            success_rate,
            relative_length,
            kept: both && reached == walks.len() && relative_length <= MOST_STEPS,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device, Tensor};
    use fpo_core::sampler::Start;
    use fpo_core::{
        Acted, Actor, Compute, Evaluated, FlatParams, GaussianConfig, GaussianPolicy, Noise,
        Normalizer, NormalizerKind, Policy, PolicySpec, Squash,
    };
    use fpo_envs::gridworld::GridWorld;

    use super::*;
    use crate::commands::figure::gridworld::goals::goals;
    use crate::training::player::Player;

    /// Walks up above the row `turn` and down below it; in that row it goes up with every draw
    /// above `bound`. From the cell `stuck` it goes nowhere. Lends its parameters, which do
    /// nothing, from a Gaussian.
    #[derive(Clone, Debug)]
    struct Walker {
        lent: GaussianPolicy,
        turn: usize,
        bound: f32,
        stuck: Option<Place>,
    }

    impl Policy for Walker {
        fn spec(&self) -> &PolicySpec {
            self.lent.spec()
        }

        fn params(&self) -> &FlatParams {
            self.lent.params()
        }

        fn with_params(&self, _: FlatParams) -> Arc<dyn Policy> {
            self.deployed()
        }

        fn deployed(&self) -> Arc<dyn Policy> {
            Arc::new(self.clone())
        }

        fn act(&self, obs: &Tensor, noise: &Tensor) -> fpo_core::Result<Acted> {
            let turn = GridWorld::observation(0, self.turn)[1];
            let stuck = self.stuck.map(|(x, y)| GridWorld::observation(x, y));
            let rows = obs.to_vec2::<f32>()?;
            let draws = noise.to_vec2::<f32>()?;
            let go = |(place, draw): (&Vec<f32>, &Vec<f32>)| {
                let at = |cell: [f32; 2]| cell.iter().zip(place).all(|(a, b)| (a - b).abs() < 1e-4);
                if stuck.is_some_and(at) {
                    return [0.0, 0.0];
                }
                let offset = place[1] - turn;
                let up = if offset.abs() < 1e-4 { draw[1] > self.bound } else { offset > 0.0 };
                [0.0, if up { 1.0 } else { -1.0 } + 0.05 * draw[0]]
            };
            let action: Vec<f32> = rows.iter().zip(&draws).flat_map(go).collect();
            let action = Tensor::from_vec(action, (rows.len(), 2), obs.device())?;
            Ok(Acted { action, chain: None })
        }

        fn evaluate(
            &self,
            obs: &Tensor,
            action: &Tensor,
            stored: &Tensor,
            t: &Tensor,
        ) -> fpo_core::Result<Evaluated> {
            self.lent.evaluate(obs, action, stored, t)
        }

        fn description(&self) -> fpo_core::Result<serde_json::Value> {
            self.lent.description()
        }
    }

    fn judge(layout: &str, player: &Player) -> Option<Ways> {
        let world = GridWorld::layout(layout).unwrap();
        let goals = goals(world.map());
        let rules = Rules { world: &world, goals: &goals, limit: 60, repeat: 1 };
        let plan = Plan::of(&format!("GridWorld/{layout}")).unwrap();
        let null = DipNull::simulate(SAMPLES).unwrap();
        Ways::of(&plan, &rules, &mut Sampled::new(player, 3), &null).unwrap()
    }

    fn walker(turn: usize, bound: f32, stuck: Option<Place>) -> Ways {
        let config = GaussianConfig { squash: Squash::None, ..GaussianConfig::new(2, 2) };
        let lent = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap();
        let normalizer = Normalizer::new(NormalizerKind::None, 2);
        let normalizer = normalizer.on_device(DType::F32, &Device::Cpu).unwrap();
        let policy = Arc::new(Walker { lent, turn, bound, stuck });
        let actor = Actor::new(policy, normalizer, Start::Noise, Compute::Composed).unwrap();
        judge("two_walls", &Player::Policy(Box::new(actor))).unwrap()
    }

    #[test]
    fn a_policy_that_goes_both_ways_from_the_middle_keeps_them() {
        let ways = walker(12, 0.0, None);
        assert!(ways.kept && ways.state == (12, 12) && ways.success_rate == 1.0, "{ways:?}");
        assert!((ways.up - 0.5).abs() < 0.05 && ways.up + ways.down == 1.0, "{ways:?}");
        assert_eq!(ways.relative_length, 1.0, "up or down is as short as it gets");
        assert_eq!(ways.searched.len(), 25);
        let at = |place| ways.searched.iter().find(|(cell, _)| *cell == place).unwrap().1;
        assert_eq!((at((8, 11)), at((16, 13))), (0.0, 1.0));
    }

    #[test]
    fn the_state_that_is_judged_is_where_the_policy_changes_its_way() {
        let ways = walker(13, 0.0, None);
        assert!(ways.kept && ways.state == (12, 13), "{ways:?}");
        assert!(ways.relative_length > 1.0 && ways.relative_length < 1.05, "{ways:?}");
    }

    #[test]
    fn a_way_that_is_taken_too_seldom_is_not_kept() {
        // A unit normal is above 1.3 in 9.7 % of all cases.
        let ways = walker(12, 1.3, None);
        assert!(!ways.kept && ways.up > 0.05 && ways.up < 0.2, "{ways:?}");
        assert!(ways.p_value < SIGNIFICANCE, "though there are two: {ways:?}");
        let one = walker(30, 0.0, None);
        assert!(!one.kept && one.up == 0.0 && one.relative_length > 1.25, "{one:?}");
    }

    #[test]
    fn both_ways_are_not_enough_where_a_few_cells_lead_nowhere() {
        let ways = walker(12, 0.0, Some((0, 22)));
        assert!(ways.up > 0.4 && ways.down > 0.4 && ways.p_value < SIGNIFICANCE, "{ways:?}");
        assert!(ways.relative_length < MOST_STEPS, "short enough on the whole: {ways:?}");
        assert!(!ways.kept && ways.success_rate > 0.95 && ways.success_rate < 1.0, "{ways:?}");
    }

    #[test]
    fn random_moves_are_no_two_ways_and_worlds_without_two_are_not_judged() {
        let ways = judge("two_walls", &Player::Random).unwrap();
        assert!(!ways.kept && ways.p_value > 0.5 && ways.success_rate < 1.0, "{ways:?}");
        assert!(ways.up > LEAST_SHARE && ways.down > LEAST_SHARE, "{ways:?}");
        assert_eq!(judge("three_goals", &Player::Random), None);
    }
}
