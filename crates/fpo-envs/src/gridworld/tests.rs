//! The rules of the grid world, one by one.

use super::*;
use crate::task::Task;

fn step(world: &GridWorld, from: (usize, usize), action: [f32; 2]) -> (Transition, [f64; 2]) {
    let mut state = [from.0 as f64, from.1 as f64];
    let mut obs = [0.0; 2];
    let transition = world.step(&mut (), &mut state, &action, &mut obs).unwrap();
    assert_eq!(obs, GridWorld::observation(state[0] as usize, state[1] as usize));
    (transition, state)
}

#[test]
fn actions_are_rounded_half_to_even_and_clipped() {
    let world = GridWorld::layout("two_walls").unwrap();
    let from = (12, 12);
    assert_eq!(world.destination(from, [0.5, -0.5]), (12, 12));
    assert_eq!(world.destination(from, [0.500_001, -0.500_001]), (13, 11));
    assert_eq!(world.destination(from, [1.5, -1.5]), (13, 11));
    assert_eq!(world.destination(from, [1e30, f32::NEG_INFINITY]), (13, 11));
    assert_eq!(world.destination(from, [f32::NAN, 0.7]), (12, 13));
}

#[test]
fn the_edge_of_the_board_stops_a_step() {
    let world = GridWorld::layout("two_slits").unwrap();
    assert_eq!(world.destination((0, 0), [-1.0, -1.0]), (0, 0));
    assert_eq!(world.destination((0, 24), [-1.0, 1.0]), (0, 24));
    assert_eq!(world.destination((0, 12), [-1.0, 1.0]), (0, 13));
}

#[test]
fn a_step_into_a_wall_is_not_taken_at_all() {
    let world = GridWorld::layout("two_slits").unwrap();
    assert_eq!(world.destination((14, 10), [1.0, 1.0]), (14, 10));
    assert_eq!(world.destination((14, 10), [0.0, 1.0]), (14, 11));
    assert_eq!(world.destination((14, 5), [1.0, 0.0]), (15, 5));
    let cshape = GridWorld::layout("cshape").unwrap();
    assert_eq!(cshape.destination((18, 12), [-1.0, 0.0]), (18, 12));
    assert_eq!(cshape.destination((6, 12), [1.0, 0.0]), (7, 12));
}

#[test]
fn every_layout_has_the_cells_it_should() {
    let counts = [
        ("two_walls", 0, 100, 0),
        ("three_goals", 0, 27, 9),
        ("tree_in_the_middle", 0, 10, 25),
        ("two_slits", 17, 25, 0),
        ("cshape", 31, 25, 0),
    ];
    assert_eq!(counts.len(), LAYOUTS.len());
    for (name, walls, goals, deaths) in counts {
        let world = GridWorld::layout(name).unwrap();
        let count = |kind| world.map().cells(kind).count();
        assert_eq!(count(Cell::Wall), walls, "{name}");
        assert_eq!(count(Cell::Goal), goals, "{name}");
        assert_eq!(count(Cell::Death), deaths, "{name}");
        assert_eq!(count(Cell::Free), SIZE * SIZE - walls - goals - deaths, "{name}");
    }
}

#[test]
fn goal_and_death_end_the_episode_with_their_rewards() {
    let world = GridWorld::layout("tree_in_the_middle").unwrap();
    let (goal, at) = step(&world, (22, 12), [1.0, 0.0]);
    assert_eq!(at, [23.0, 12.0]);
    assert_eq!((goal.reward, goal.terminated, goal.success), (20.0, true, true));
    let (death, _) = step(&world, (12, 12), [1.0, 0.0]);
    assert_eq!((death.reward, death.terminated, death.success), (-10.0, true, false));
    let (nothing, _) = step(&world, (5, 5), [1.0, 0.0]);
    assert_eq!((nothing.reward, nothing.terminated, nothing.success), (0.0, false, false));
}

#[test]
fn a_start_is_always_a_free_cell_and_each_free_cell_occurs() {
    for layout in &LAYOUTS {
        let world = GridWorld::layout(layout.name).unwrap();
        let mut seen = [[false; SIZE]; SIZE];
        for episode in 0..20_000 {
            let mut rng = EnvRng::for_reset(3, 0, episode);
            let (mut state, mut obs) = ([0.0; 2], [0.0; 2]);
            world.reset(&mut (), &mut rng, &mut state, &mut obs).unwrap();
            let (x, y) = (state[0] as usize, state[1] as usize);
            assert_eq!(world.map().get(x, y), Some(Cell::Free), "{} ({x}, {y})", layout.name);
            seen[y][x] = true;
        }
        for (x, y) in world.map().cells(Cell::Free) {
            assert!(seen[y][x], "{} never starts at ({x}, {y})", layout.name);
        }
    }
}

#[test]
fn a_chosen_start_is_kept_and_must_be_free() {
    let world = GridWorld::layout("two_walls").unwrap();
    assert!(world.clone().with_start(12, 0).is_err());
    assert!(world.clone().with_start(25, 12).is_err());
    let world = world.with_start(17, 12).unwrap();
    let (mut state, mut obs) = ([0.0; 2], [0.0; 2]);
    world.reset(&mut (), &mut EnvRng::for_reset(0, 4, 2), &mut state, &mut obs).unwrap();
    assert_eq!(state, [17.0, 12.0]);
    assert_eq!(obs, [5.0 / 12.0, 0.0]);
}

#[test]
fn a_map_without_a_free_cell_is_refused() {
    let full = Map::default().with((0, 24), (0, 24), Cell::Goal);
    assert!(GridWorld::new("full", "", full).is_err());
}

#[test]
fn an_unknown_layout_brings_the_nearest_one() {
    for name in ["two_wall", "GridWorld/two_wall"] {
        let error = GridWorld::layout(name).unwrap_err();
        let nearest = Some("GridWorld/two_walls".into());
        assert_eq!(error, EnvError::UnknownTask { task: "GridWorld/two_wall".into(), nearest });
    }
}

#[test]
fn the_known_saddles_are_free_cells_as_far_from_the_upper_as_from_the_lower_goals() {
    let world = GridWorld::layout("two_walls").unwrap();
    let expected = [[-2.0 / 3.0, 0.0], [0.0, 0.0], [2.0 / 3.0, 0.0]];
    assert_eq!(world.saddles(), expected);
    for layout in &LAYOUTS {
        let world = GridWorld::layout(layout.name).unwrap();
        assert!(layout.saddles.iter().all(|&(x, y)| world.map().get(x, y) == Some(Cell::Free)));
    }
}

#[test]
fn a_place_is_found_again_in_its_observation() {
    for (x, y) in (0..SIZE).flat_map(|x| (0..SIZE).map(move |y| (x, y))) {
        assert_eq!(GridWorld::place(&GridWorld::observation(x, y)), Some((x, y)));
    }
    for wrong in [&[0.0][..], &[0.0, 1.1], &[f32::NAN, 0.0], &[0.0; 3]] {
        assert_eq!(GridWorld::place(wrong), None);
    }
}
