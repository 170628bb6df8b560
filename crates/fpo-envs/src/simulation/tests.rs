//! Starts that come to rest, and rows against MuJoCo's own, on a toy and on every stored model.

use std::sync::Arc;

use mujoco_rs::mujoco_c::mjtState;

use super::mujoco::Mujoco;
use super::mujoco_task::{Data, MjModel, MujocoTask, Timing};
use super::row::RowLayout;
use crate::error::EnvError;
use crate::options::Starts;
use crate::rng::EnvRng;
use crate::spec::EnvSpec;
use crate::task::Task;

/// A ball on a damped rail that falls onto a floor.
const MODEL: &str = r#"
<mujoco>
  <worldbody>
    <geom type="plane" size="5 5 0.1"/>
    <body pos="0 0 0.3">
      <joint name="rail" type="slide" axis="1 0 0" damping="0.1" stiffness="3"/>
      <joint name="fall" type="slide" axis="0 0 1"/>
      <geom type="sphere" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator><motor joint="rail" ctrlrange="-1 1" ctrllimited="true"/></actuator>
</mujoco>"#;
/// A number of settling steps that is no multiple of a piece of settling.
const SETTLING_STEPS: usize = 73;

struct Ball {
    settling_steps: usize,
    action_dim: usize,
    substeps: usize,
}

impl Ball {
    const fn settling(settling_steps: usize) -> Self {
        Self { settling_steps, action_dim: 1, substeps: 2 }
    }
}

impl MujocoTask for Ball {
    fn spec(&self) -> EnvSpec {
        EnvSpec {
            name: "Ball".into(),
            obs_dim: 2,
            groups: Vec::new(),
            action_dim: self.action_dim,
            episode_length: 100,
            control_dt: self.timing().control_dt(),
            reward_range: (-16.0, 0.0),
            has_success: false,
            description: String::new(),
            source: String::new(),
        }
    }

    fn domain(&self) -> &'static str {
        "ball"
    }

    fn xml(&self) -> &str {
        MODEL
    }

    fn timing(&self) -> Timing {
        Timing { physics_dt: 0.01, substeps: self.substeps }
    }

    fn bind(&mut self, _model: &MjModel) -> Result<(), EnvError> {
        Ok(())
    }

    fn reset(&self, data: &mut Data, rng: &mut EnvRng) {
        data.qpos_mut().copy_from_slice(&[rng.uniform(-1.0, 1.0), rng.uniform(-0.1, 0.1)]);
    }

    fn reset_officially(&self, data: &mut Data, _rng: &mut EnvRng) {
        data.qpos_mut().copy_from_slice(&[0.25, 0.0]);
    }

    fn settling_steps(&self) -> usize {
        self.settling_steps
    }

    fn observe(&self, data: &Data, obs: &mut [f64]) {
        obs.copy_from_slice(data.qpos());
    }

    fn reward(&self, data: &Data, _action: &[f64]) -> f64 {
        -data.qpos()[0].abs()
    }
}

fn ball(settling_steps: usize) -> Mujoco {
    Mujoco::new(Box::new(Ball::settling(settling_steps))).unwrap()
}

fn rng(env: u64) -> EnvRng {
    EnvRng::for_reset(0, env, 0)
}

/// Copies a row into simulation buffers of a model.
fn loaded(mujoco: &Mujoco, state: &[f64]) -> Data {
    let mut data = mujoco.data().unwrap();
    RowLayout::new(mujoco.model()).load(&mut data, state).unwrap();
    data
}

#[test]
fn a_start_settled_in_pieces_is_the_one_settled_at_one_go() {
    let mujoco = ball(SETTLING_STEPS);
    assert!(mujoco.settling() > 1);
    let (mut worker, mut other) = (mujoco.worker().unwrap(), mujoco.worker().unwrap());
    let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 2]);
    let (mut other_state, mut other_obs) = (state.clone(), obs);
    mujoco.reset(&mut other, &mut rng(0), &mut other_state, &mut other_obs).unwrap();
    mujoco.reset(&mut worker, &mut rng(1), &mut state, &mut obs).unwrap();
    for piece in 0..mujoco.settling() {
        // The worker serves another environment in between and must forget it.
        mujoco.settle(&mut worker, piece, &mut state, &mut obs).unwrap();
        mujoco.settle(&mut worker, piece, &mut other_state, &mut other_obs).unwrap();
    }
    let mut at_once = mujoco.data().unwrap();
    mujoco.rules().reset(&mut at_once, &mut rng(1));
    (0..SETTLING_STEPS).for_each(|_| at_once.step());
    let settled = loaded(&mujoco, &state);
    assert_eq!(settled.qpos(), at_once.qpos());
    assert_eq!(settled.qvel(), at_once.qvel());
    assert_eq!(settled.time(), 0.0);
    assert_eq!(obs, [0, 1].map(|i| at_once.qpos()[i] as f32));
}

#[test]
fn a_start_carries_the_accelerations_of_its_forward_pass() {
    let mujoco = ball(0);
    let mut worker = mujoco.worker().unwrap();
    let mut state = vec![0.0; mujoco.state_len()];
    mujoco.reset(&mut worker, &mut rng(0), &mut state, &mut [0.0; 2]).unwrap();
    let mut data = loaded(&mujoco, &state);
    let carried = data.qacc_warmstart().to_vec();
    data.forward();
    for (carried, computed) in carried.iter().zip(data.qacc()) {
        assert!(*carried != 0.0 && (carried - computed).abs() < 1e-12);
    }
}

#[test]
fn official_starts_are_drawn_when_they_are_chosen() {
    let mut mujoco = ball(0);
    let first = |mujoco: &Mujoco| {
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 2]);
        mujoco.reset(&mut mujoco.worker().unwrap(), &mut rng(0), &mut state, &mut obs).unwrap();
        obs
    };
    assert_ne!(first(&mujoco), [0.25, 0.0]);
    mujoco.choose_starts(Starts::Official);
    assert_eq!(first(&mujoco), [0.25, 0.0]);
}

#[test]
fn a_coordinate_beyond_all_bounds_is_reported_as_a_divergence() {
    let mujoco = ball(0);
    let mut worker = mujoco.worker().unwrap();
    let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], [0.0; 2]);
    mujoco.reset(&mut worker, &mut rng(0), &mut state, &mut obs).unwrap();
    assert!(!mujoco.step(&mut worker, &mut state, &[1.0], &mut obs).unwrap().diverged);
    for far in [1e12, f64::INFINITY, f64::NAN] {
        let mut broken = state.clone();
        broken[1] = far;
        let transition = mujoco.step(&mut worker, &mut broken, &[1.0], &mut obs).unwrap();
        assert!(transition.diverged && transition.terminated, "{far}");
    }
    assert!(!mujoco.step(&mut worker, &mut state, &[1.0], &mut obs).unwrap().diverged);
}

#[test]
fn a_specification_that_does_not_fit_the_model_is_refused_by_name() {
    let refused = |task: Ball| match Mujoco::new(Box::new(task)).err() {
        Some(EnvError::Option { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(Ball { action_dim: 2, ..Ball::settling(0) }), "action_dim");
    assert_eq!(refused(Ball { substeps: 0, ..Ball::settling(0) }), "substeps");
}

/// MuJoCo's name for the contents of a row.
const PARTS: u32 = mjtState::mjSTATE_INTEGRATION as u32;

#[test]
fn rows_are_those_of_mujoco_for_every_stored_model() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/models")).unwrap();
    let mut models = 0;
    let stored = folder.map(|entry| entry.unwrap().path());
    let mut texts: Vec<_> =
        stored.map(|path| (std::fs::read_to_string(&path).unwrap(), path)).collect();
    // What an episode draws for itself lies behind the mocap poses.
    let (reacher, path) =
        texts.iter().find(|(_, path)| path.ends_with("reacher.xml")).unwrap().clone();
    let with_data = reacher.replacen("<worldbody>", "<size nuserdata=\"3\"/><worldbody>", 1);
    assert_ne!(reacher, with_data);
    texts.push((with_data, path.with_extension("with user data")));
    for (xml, path) in texts {
        let model = Arc::new(MjModel::from_xml_string(&xml).unwrap());
        let layout = RowLayout::new(&model);
        assert!(layout.plain, "{}", path.display());
        let (mut ours, mut theirs) = (Data::new(Arc::clone(&model)), Data::new(model));
        let row: Vec<f64> = (1..=layout.len()).map(|i| i as f64 / 7.0).collect();
        layout.load(&mut ours, &row).unwrap();
        theirs.set_state(&row, PARTS).unwrap();
        assert_eq!(ours.state(PARTS), theirs.state(PARTS), "{}", path.display());
        let mut stored = vec![0.0; layout.len()];
        layout.store(&ours, &mut stored).unwrap();
        assert_eq!(stored, row, "{}", path.display());
        assert!(layout.load(&mut ours, &row[1..]).is_err());
        assert!(layout.store(&ours, &mut stored[1..]).is_err());
        models += 1;
    }
    assert!(models > 0);
}

#[test]
fn a_model_with_an_equality_constraint_is_left_to_mujoco() {
    let xml = r#"<mujoco><worldbody><body name="a"><freejoint/><geom size="1"/></body>
        </worldbody><equality><weld body1="a"/></equality></mujoco>"#;
    let model = Arc::new(MjModel::from_xml_string(xml).unwrap());
    let layout = RowLayout::new(&model);
    assert!(!layout.plain);
    let mut data = Data::new(model);
    let mut row = vec![0.0; layout.len()];
    layout.store(&data, &mut row).unwrap();
    row[3] = 4.5;
    layout.load(&mut data, &row).unwrap();
    assert_eq!(data.qpos()[2], 4.5);
}
