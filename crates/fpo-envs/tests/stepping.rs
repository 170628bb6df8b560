//! A step leaves out what changes nothing: it has the bits of plain `mj_step` on the model with
//! every stage switched on.

#![cfg(feature = "mujoco")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::sync::Arc;

use fpo_envs::mujoco::{Data, Mujoco, tasks};
use fpo_envs::{EnvRng, Task};
use mujoco_rs::mujoco_c::{mjtDisableBit, mjtState};

const ISLAND: i32 = mjtDisableBit::mjDSBL_ISLAND as i32;
const MIDPHASE: i32 = mjtDisableBit::mjDSBL_MIDPHASE as i32;
/// MuJoCo's name for the contents of a row.
const PARTS: u32 = mjtState::mjSTATE_INTEGRATION as u32;
const EPISODES: u64 = 3;
const CONTROL_STEPS: usize = 150;

/// Buffers of the same model with islands and midphase.
fn plain(mujoco: &Mujoco) -> Data {
    let mut model = mujoco.model().as_ref().clone();
    model.opt_mut().disableflags &= !(ISLAND | MIDPHASE);
    Data::new(Arc::new(model))
}

#[test]
fn control_steps_have_the_bits_of_plain_physics_steps() {
    let (mut touching, mut limited) = (0, 0);
    for rules in tasks() {
        let name = rules.spec().name;
        let mujoco = Mujoco::new(rules).unwrap();
        let (spec, rules) = (mujoco.spec(), mujoco.rules());
        let (mut worker, mut data) = (mujoco.worker().unwrap(), plain(&mujoco));
        let (mut state, mut obs) = (vec![0.0; mujoco.state_len()], vec![0.0; spec.obs_dim]);
        let mut observed = vec![0.0; spec.obs_dim];
        for episode in 0..EPISODES {
            let mut rng = EnvRng::for_reset(5, 0, episode);
            mujoco.reset(&mut worker, &mut rng, &mut state, &mut obs).unwrap();
            for piece in 0..mujoco.settling() {
                mujoco.settle(&mut worker, piece, &mut state, &mut obs).unwrap();
            }
            data.set_state(&state, PARTS).unwrap();
            for step in 0..CONTROL_STEPS {
                let action: Vec<f32> =
                    (0..spec.action_dim).map(|_| rng.uniform(-1.0, 1.0) as f32).collect();
                let transition = mujoco.step(&mut worker, &mut state, &action, &mut obs).unwrap();
                let action: Vec<f64> = action.into_iter().map(f64::from).collect();
                data.ctrl_mut().copy_from_slice(&action);
                for _ in 0..rules.timing().substeps {
                    data.step();
                    touching += data.contact().len();
                    limited += usize::from(data.ffi().nefc > 0);
                }
                rules.observe(&data, &mut observed);
                let at = format!("{name}, episode {episode}, step {step}");
                assert_eq!(*state, *data.state(PARTS), "{at}");
                assert_eq!(obs, observed.iter().map(|&x| x as f32).collect::<Vec<_>>(), "{at}");
                assert_eq!(transition.reward, rules.reward(&data, &action) as f32, "{at}");
            }
        }
    }
    assert!(touching > 10_000 && limited > 10_000, "{touching} {limited}");
}

#[test]
fn islands_are_left_out_where_there_is_one_tree_only() {
    for rules in tasks() {
        let name = rules.spec().name;
        let mujoco = Mujoco::new(rules).unwrap();
        let off = mujoco.model().opt().disableflags;
        // The finger and its spinner are two trees, and so are the cup and its ball.
        let trees = if name.starts_with("Finger") || name == "BallInCup" { 2 } else { 1 };
        assert_eq!(mujoco.model().ntree(), trees, "{name}");
        assert_eq!(off & ISLAND != 0, trees == 1, "{name}");
        assert!(off & MIDPHASE != 0, "{name}");
    }
}
