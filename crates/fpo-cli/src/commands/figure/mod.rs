//! `fpo figure`: pictures of what policies do, as SVG or PNG.
//!
//! A figure is a [`scene::Scene`]: data that [`svg`] turns into an SVG document, from which [`png`]
//! makes pixels. Neither needs a display, a font or another program on the machine.

pub mod font;
pub mod gridworld;
pub mod output;
pub mod png;
pub mod scene;
pub mod svg;
