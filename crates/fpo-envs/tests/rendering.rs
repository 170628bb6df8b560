//! Pictures of MuJoCo tasks: each model can be drawn, and shows the state it is given.
//!
//! Where a machine has no OpenGL without a window, what is said of that is tested instead.

#![cfg(feature = "render")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use std::collections::BTreeSet;

use fpo_envs::mujoco::tasks;
use fpo_envs::rendering::{RenderError, Renderer};
use fpo_envs::{EnvError, VecEnv, VecEnvOptions, make};

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

fn reset(task: &str, seed: u64) -> Box<dyn VecEnv> {
    let mut envs = make(task, &VecEnvOptions { seed, ..VecEnvOptions::default() }).unwrap();
    let mut obs = vec![0.0; envs.spec().obs_dim];
    envs.reset(&mut obs).unwrap();
    envs
}

/// Returns whether there is nothing to draw with, after a look at the error that says so.
fn is_missing(error: &RenderError) -> bool {
    let text = error.to_string();
    println!("nothing is drawn, for there is {text}");
    assert!(matches!(error, RenderError::NoGl { tried } if !tried.is_empty()), "{text}");
    assert!(text.contains("libegl1") && text.contains("libosmesa6"), "{text}");
    true
}

#[test]
fn every_model_is_drawn_by_each_of_its_cameras_and_another_state_looks_different() {
    let mut domains = BTreeSet::new();
    for task in tasks() {
        if !domains.insert(task.domain()) {
            continue;
        }
        let name = task.spec().name;
        let mut renderer = match Renderer::new(task.as_ref(), WIDTH, HEIGHT) {
            Ok(renderer) => renderer,
            Err(error) if is_missing(&error) => return,
            Err(error) => panic!("{name}: {error}"),
        };
        let states = [1, 2].map(|seed| reset(&name, seed).save().states);
        let cameras = renderer.cameras();
        assert!(cameras.len() >= 3 && cameras.last().unwrap() == "free", "{name}: {cameras:?}");
        let mut seen = BTreeSet::new();
        for (number, camera) in cameras.iter().enumerate() {
            let found = renderer.camera(camera).unwrap();
            assert_eq!(found, renderer.camera(&number.to_string()).unwrap());
            let rgb = renderer.draw(&states[0], found).unwrap();
            assert_eq!(rgb.len(), (3 * WIDTH * HEIGHT) as usize);
            let colours: BTreeSet<&[u8]> = rgb.chunks_exact(3).collect();
            assert!(colours.len() > 20, "{name}, {camera}: {} colours", colours.len());
            assert!(seen.insert(rgb), "{name}: {camera} shows what another camera shows");
        }
        let camera = renderer.camera("0").unwrap();
        let [one, other] = [0, 1].map(|index| renderer.draw(&states[index], camera).unwrap());
        let again = renderer.draw(&states[0], camera).unwrap();
        assert!(one == again, "{name}: the same state is drawn in two ways");
        assert!(one != other || name.starts_with("Humanoid"), "{name}: two states look the same");
    }
    assert_eq!(domains.len(), 13);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let task = fpo_envs::mujoco::task("CheetahRun").unwrap();
    let error = Renderer::new(task.as_ref(), 64, 5000).err().unwrap();
    assert!(matches!(error, RenderError::Size { width: 64, height: 5000, .. }), "{error}");
    let mut renderer = match Renderer::new(task.as_ref(), WIDTH, HEIGHT) {
        Ok(renderer) => renderer,
        Err(error) if is_missing(&error) => return,
        Err(error) => panic!("{error}"),
    };
    let error = renderer.camera("attic").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown camera `attic`; there are 0 side, 1 corner, 2 front, 3 free"
    );
    let camera = renderer.camera("front").unwrap();
    let error = renderer.draw(&[0.0; 3], camera).unwrap_err();
    assert!(matches!(error, RenderError::Env(EnvError::State { got: 3, .. })), "{error}");
}
