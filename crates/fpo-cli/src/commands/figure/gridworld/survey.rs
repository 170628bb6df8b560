//! What a figure shows of one policy, as numbers: samples over the map, samples at the states of
//! its plan with their statistics, and episodes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use fpo_core::PolicyInfo;
use fpo_core::Squash;
use fpo_core::modality::{DipNull, Modality};
use fpo_core::sampler::Start;
use fpo_envs::gridworld::{Cell, GridWorld, SIZE};

use crate::commands::eval::entrant::name;
use crate::commands::figure::gridworld::goals::{Goal, goals};
use crate::commands::figure::gridworld::plan::{Place, Plan, SPACING, STARTS};
use crate::commands::figure::gridworld::sampled::{Action, Sampled};
use crate::commands::figure::gridworld::walks::{Rules, Walk};
use crate::commands::figure::gridworld::ways::Ways;
use crate::run::dir::RunDir;
use crate::training::player::Player;
use crate::training::policy_file;
use crate::training::policy_file::require_fit;

/// Samples at each state that is drawn on the map.
const MAP_SAMPLES: usize = 96;
/// Episodes from each start.
pub const EPISODES: usize = 20;

/// How much of a policy to look at.
pub struct Request {
    /// Seed of all noise.
    pub seed: u64,
    /// Samples at each state of the plan.
    pub samples: usize,
}

/// Dips of samples with a single mode, as many as are drawn.
pub struct Nulls {
    /// At each state of the plan.
    pub states: DipNull,
    /// At the state where the ways are judged.
    pub ways: DipNull,
}

/// What was found out about a policy.
pub struct Survey {
    /// What to call the policy.
    pub title: String,
    /// Its task.
    pub task: String,
    /// Environment steps it was trained for.
    pub steps: u64,
    /// Its world.
    pub world: GridWorld,
    /// The goals of that world.
    pub goals: Vec<Goal>,
    /// Controls at places all over the map.
    pub fans: Vec<(Place, Vec<Action>)>,
    /// Samples at the plan's states.
    pub states: Vec<StateSamples>,
    /// Whether both ways are kept, in a world that has two.
    pub ways: Option<Ways>,
    /// Episodes from each start that is a free cell.
    pub walks: Vec<(Place, Vec<Walk>)>,
    /// Size of an action from which on the environment rounds it to a step.
    pub step_from: f32,
}

/// Samples at one state.
pub struct StateSamples {
    /// The cell.
    pub place: Place,
    /// Whether two ways are equally good there.
    pub saddle: bool,
    /// Actions before squashing.
    pub actions: Vec<Action>,
    /// The move of each: −1, 0 or 1 along x and y.
    pub moves: Vec<(i8, i8)>,
    /// How many modes they have.
    pub modality: Modality,
}

/// A policy, before anything was drawn from it.
pub struct Policy {
    path: PathBuf,
    info: PolicyInfo,
    player: Player,
    plan: Plan,
}

impl Policy {
    /// Reads the policy of a run's folder or of a policy file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it, such as a task of another world.
    pub fn load(run: &Path, device: &Device) -> Result<Policy> {
        let path = match run.is_dir() {
            true => RunDir::open(run)?.policy_path(),
            false => run.to_owned(),
        };
        let file = policy_file::load(&path, device)?;
        let mut actor = file.actor()?;
        // The figure shows the distribution that was learnt, whatever evaluations start from.
        actor.start = Start::Noise;
        let plan =
            Plan::of(&file.info.task).with_context(|| format!("policy {}", path.display()))?;
        require_fit(&path, &file, &fpo_envs::spec(&file.info.task)?)?;
        let info = file.info;
        Ok(Policy { path: run.to_owned(), info, player: Player::Policy(Box::new(actor)), plan })
    }

    /// Returns the name of its folder or file.
    pub fn name(&self) -> String {
        name(&self.path)
    }

    /// Draws all that `request` asks for.
    ///
    /// # Errors
    /// If an action is not finite.
    pub fn survey(&self, title: String, request: &Request, nulls: &Nulls) -> Result<Survey> {
        let world = GridWorld::layout(&self.info.task)?;
        let goals = goals(world.map());
        let mut policy = Sampled::new(&self.player, request.seed);
        let fans = fans(&world, &mut policy)?;
        let states = self.states(&world, &mut policy, request, &nulls.states)?;
        let rules = Rules {
            world: &world,
            goals: &goals,
            limit: self.info.episode_length,
            repeat: self.info.action_repeat.max(1),
        };
        let free = |&(x, y): &Place| world.map().get(x, y) == Some(Cell::Free);
        let starts: Vec<Place> = STARTS.into_iter().filter(free).collect();
        let episodes = starts.iter().flat_map(|&start| [start; EPISODES]).collect::<Vec<_>>();
        let walks = rules.walk(&mut policy, &episodes)?;
        let ways = Ways::of(&self.plan, &rules, &mut policy, &nulls.ways)?;
        let walks = walks.chunks(EPISODES).map(<[Walk]>::to_vec);
        Ok(Survey {
            title,
            task: self.info.task.clone(),
            steps: self.info.steps,
            walks: starts.into_iter().zip(walks).collect(),
            goals,
            fans,
            states,
            ways,
            step_from: match self.player.squash() {
                Squash::None => 0.5,
                Squash::Tanh => 0.5f32.atanh(),
            },
            world,
        })
    }

    fn states(
        &self,
        world: &GridWorld,
        policy: &mut Sampled<'_>,
        request: &Request,
        null: &DipNull,
    ) -> Result<Vec<StateSamples>> {
        let samples_at = |(place, saddle): (Place, bool)| {
            let drawn = policy.act(&vec![place; request.samples])?;
            let moved = |control: &Action| {
                let (x, y) = world.destination(place, *control);
                let sign = |to: usize, from: usize| to as i8 - from as i8;
                (sign(x, place.0), sign(y, place.1))
            };
            let moves = drawn.controls.iter().map(moved).collect();
            let axis = self.plan.axis.as_ref().map(|axis| &axis[..]);
            let modality = Modality::of(drawn.raw.as_flattened(), 2, axis, null)?;
            Ok(StateSamples { place, saddle, actions: drawn.raw, moves, modality })
        };
        self.plan.states().into_iter().map(samples_at).collect()
    }
}

/// Draws samples at free cells `SPACING` apart. The middle row and column are among them; the edges
/// are not.
fn fans(world: &GridWorld, policy: &mut Sampled<'_>) -> Result<Vec<(Place, Vec<Action>)>> {
    let line = || (SPACING..SIZE - 1).step_by(SPACING);
    let free = |&(x, y): &Place| world.map().get(x, y) == Some(Cell::Free);
    let places: Vec<Place> =
        line().flat_map(|y| line().map(move |x| (x, y))).filter(free).collect();
    let all: Vec<Place> = places.iter().flat_map(|&place| [place; MAP_SAMPLES]).collect();
    let controls = policy.act(&all)?.controls;
    Ok(places.into_iter().zip(controls.chunks(MAP_SAMPLES).map(<[Action]>::to_vec)).collect())
}
