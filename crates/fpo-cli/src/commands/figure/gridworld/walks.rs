//! Episodes from chosen cells, cell by cell.

use anyhow::Result;
use fpo_envs::gridworld::{Cell, GridWorld};

use crate::commands::figure::gridworld::goals::Goal;
use crate::commands::figure::gridworld::plan::Place;
use crate::commands::figure::gridworld::sampled::Sampled;

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the goal of this index.
    Goal(usize),
    /// On a death cell.
    Death,
    /// At the step limit.
    Limit,
}

/// One episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The cells it went through, the start first.
    pub path: Vec<Place>,
    /// How it ended.
    pub end: End,
}

/// Rules of the episodes.
pub struct Rules<'a> {
    /// The world.
    pub world: &'a GridWorld,
    /// Its goals.
    pub goals: &'a [Goal],
    /// The most steps of an episode.
    pub limit: usize,
    /// Steps for which each action is held, at least 1.
    pub repeat: usize,
}

impl Rules<'_> {
    /// Plays one episode from each of `starts`, all side by side.
    ///
    /// # Errors
    /// If an action is not finite.
    pub fn walk(&self, policy: &mut Sampled<'_>, starts: &[Place]) -> Result<Vec<Walk>> {
        let new = |&start: &Place| Walk { path: vec![start], end: End::Limit };
        let mut walks: Vec<Walk> = starts.iter().map(new).collect();
        let mut places = starts.to_vec();
        let mut over = vec![false; starts.len()];
        for _ in 0..self.limit.div_ceil(self.repeat) {
            let actions = policy.act(&places)?.controls;
            for (env, walk) in walks.iter_mut().enumerate() {
                for _ in 0..self.repeat {
                    if over[env] {
                        break;
                    }
                    let place = self.world.destination(places[env], actions[env]);
                    places[env] = place;
                    walk.path.push(place);
                    let end = self.end_at(place);
                    over[env] = end.is_some() || walk.path.len() > self.limit;
                    walk.end = end.unwrap_or(End::Limit);
                }
            }
            if over.iter().all(|&over| over) {
                break;
            }
        }
        Ok(walks)
    }

    fn end_at(&self, place: Place) -> Option<End> {
        match self.world.map().get(place.0, place.1) {
            Some(Cell::Goal) => self.goals.iter().position(|g| g.holds(place)).map(End::Goal),
            Some(Cell::Death) => Some(End::Death),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::figure::gridworld::goals::goals;
    use crate::training::player::Player;

    fn walk(layout: &str, player: &Player, limit: usize, starts: &[Place]) -> Vec<Walk> {
        let world = GridWorld::layout(layout).unwrap();
        let goals = goals(world.map());
        let rules = Rules { world: &world, goals: &goals, limit, repeat: 2 };
        rules.walk(&mut Sampled::new(player, 3), starts).unwrap()
    }

    #[test]
    fn whoever_stays_ends_at_the_step_limit_where_he_began() {
        for walk in walk("two_walls", &Player::Zero, 5, &[(3, 4), (12, 12)]) {
            assert_eq!(walk.end, End::Limit);
            assert_eq!(walk.path.len(), 6);
            assert!(walk.path.iter().all(|&place| place == walk.path[0]));
        }
    }

    #[test]
    fn chance_ends_at_goals_and_deaths_and_goes_step_by_step() {
        let starts = [(12, 9), (9, 12), (12, 15), (7, 10), (17, 10), (12, 20)].repeat(20);
        let walks = walk("three_goals", &Player::Random, 400, &starts);
        assert_eq!(walks, walk("three_goals", &Player::Random, 400, &starts));
        let world = GridWorld::layout("three_goals").unwrap();
        let mut seen = [false; 4];
        for walk in &walks {
            let near = |w: &[Place]| w[0].0.abs_diff(w[1].0) <= 1 && w[0].1.abs_diff(w[1].1) <= 1;
            assert!(walk.path.windows(2).all(near));
            let &(x, y) = walk.path.last().unwrap();
            let cell = world.map().get(x, y).unwrap();
            match walk.end {
                End::Goal(goal) => {
                    assert_eq!(cell, Cell::Goal);
                    seen[goal] = true;
                }
                End::Death => {
                    assert_eq!(cell, Cell::Death);
                    seen[3] = true;
                }
                End::Limit => assert_eq!((cell, walk.path.len()), (Cell::Free, 401)),
            }
        }
        assert_eq!(seen, [true; 4]);
    }
}
