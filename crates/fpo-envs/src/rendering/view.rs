//! From where each domain is looked at: places that show what its tasks are about.

/// How a camera moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// It stands still.
    Nothing,
    /// It goes along the ground with the centre of mass of this body and all that hangs on it.
    Body(&'static str),
}

/// A place from which a model is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// Its name.
    pub(super) name: &'static str,
    /// What it moves with.
    pub(super) follows: Follows,
    /// The point in the middle of the picture, in metres; relative along x and y to what it
    /// follows.
    pub(super) at: [f64; 3],
    /// Distance from that point, in metres.
    pub(super) distance: f64,
    /// Direction in which it looks, in degrees: 0 along x, 90 along y.
    pub(super) azimuth: f64,
    /// How far it looks up, in degrees: −90 is straight down.
    pub(super) elevation: f64,
}

const fn still(
    name: &'static str,
    at: [f64; 3],
    distance: f64,
    azimuth: f64,
    elevation: f64,
) -> View {
    View { name, follows: Follows::Nothing, at, distance, azimuth, elevation }
}

const fn along(
    name: &'static str,
    body: &'static str,
    height: f64,
    distance: f64,
    azimuth: f64,
    elevation: f64,
) -> View {
    let at = [0.0, 0.0, height];
    View { name, follows: Follows::Body(body), at, distance, azimuth, elevation }
}

const CARTPOLE: [View; 2] = [
    still("front", [0.0, 0.0, 1.15], 4.4, 90.0, -8.0),
    still("corner", [0.0, 0.0, 1.1], 4.8, 55.0, -18.0),
];
const PENDULUM: [View; 2] = [
    still("front", [0.0, 0.0, 0.6], 2.0, 90.0, -8.0),
    still("corner", [0.0, 0.0, 0.6], 2.2, 55.0, -18.0),
];
const ACROBOT: [View; 2] = [
    still("front", [0.0, 0.0, 2.1], 6.2, 90.0, -6.0),
    still("corner", [0.0, 0.0, 2.1], 6.6, 55.0, -16.0),
];
const BALL_IN_CUP: [View; 2] = [
    still("front", [0.0, 0.0, 0.42], 1.25, 90.0, -10.0),
    still("corner", [0.0, 0.0, 0.42], 1.4, 60.0, -20.0),
];
const FINGER: [View; 2] = [
    still("front", [0.02, 0.0, 0.36], 1.05, 90.0, -10.0),
    still("corner", [0.02, 0.0, 0.36], 1.2, 60.0, -22.0),
];
const TABLE: [View; 2] = [
    still("top", [0.0, 0.0, 0.0], 0.86, 90.0, -90.0),
    still("corner", [0.0, 0.0, 0.0], 0.95, 60.0, -45.0),
];
const FISH: [View; 3] = [
    still("tank", [0.0, 0.0, 0.08], 0.95, 120.0, -24.0),
    along("side", "torso", 0.05, 0.55, 120.0, -14.0),
    still("top", [0.0, 0.0, 0.1], 1.3, 90.0, -90.0),
];
const SWIMMER: [View; 3] = [
    along("follow", "head", 0.0, 2.2, 90.0, -50.0),
    along("top", "head", 0.0, 1.8, 90.0, -90.0),
    still("pool", [0.0, 0.0, 0.0], 5.0, 90.0, -60.0),
];
const CHEETAH: [View; 3] = [
    along("side", "torso", 0.55, 2.6, 90.0, -10.0),
    along("corner", "torso", 0.5, 2.6, 130.0, -16.0),
    along("front", "torso", 0.5, 2.8, 180.0, -10.0),
];
const HOPPER: [View; 2] = [
    along("side", "torso", 0.75, 3.0, 90.0, -8.0),
    along("corner", "torso", 0.75, 3.2, 130.0, -14.0),
];
const WALKER: [View; 2] = [
    along("side", "torso", 0.85, 3.4, 90.0, -8.0),
    along("corner", "torso", 0.85, 3.6, 130.0, -14.0),
];
const HUMANOID: [View; 3] = [
    along("corner", "torso", 0.85, 3.6, 140.0, -12.0),
    along("side", "torso", 0.85, 3.4, 90.0, -8.0),
    along("front", "torso", 0.85, 3.4, 180.0, -8.0),
];

/// Returns how far below its place in the model the floor is drawn, in metres. The fish swims
/// around the origin, which is on its floor; no part of that model touches another.
pub(super) fn floor_drop(domain: &str) -> f64 {
    if domain == "fish" { 0.25 } else { 0.0 }
}

/// Returns the views of a domain, the best first; none of a domain that is not known.
pub(super) fn views(domain: &str) -> &'static [View] {
    match domain {
        "acrobot" => &ACROBOT,
        "ball_in_cup" => &BALL_IN_CUP,
        "cartpole" => &CARTPOLE,
        "cheetah" => &CHEETAH,
        "finger" => &FINGER,
        "fish" => &FISH,
        "hopper" => &HOPPER,
        "humanoid" => &HUMANOID,
        "pendulum" => &PENDULUM,
        "point_mass" | "reacher" => &TABLE,
        "swimmer6" => &SWIMMER,
        "walker" => &WALKER,
        _ => &[],
    }
}
