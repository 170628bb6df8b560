//! `fpo render`: what policies do, to be looked at.
//!
//! Policies play the episodes that `fpo eval` would have them play. A MuJoCo task is drawn by
//! MuJoCo's own renderer ([`fpo_envs::rendering`]), any other as vectors. A GIF shows an episode as
//! it goes on, a PNG a sheet of its moments; several policies have a column or block each.

pub mod args;
mod canvas;
mod entrants;
mod episode;
mod film;
mod gif;
#[cfg(feature = "render")]
mod mujoco;
mod output;
mod pace;
mod painter;
mod palette;
mod sheet;
mod strip;
mod vectors;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::commands::eval::entrant;
use crate::commands::play::PlayArgs;
use crate::commands::render::args::RenderArgs;
use crate::commands::render::film::Film;
use crate::commands::render::output::{Format, Output};
use crate::commands::render::pace::Pace;
use crate::commands::render::painter::Painter;
use crate::commands::render::sheet::{Grid, sheet};
use crate::commands::render::strip::Strip;
use crate::terminal::failure::UsageError;
use crate::terminal::output::{note, print};
use crate::terminal::reporter::Notes;
use crate::text::count::count;
use crate::training::device;

/// What a GIF shows of an episode where nothing else is asked for, in seconds.
const SECONDS: f64 = 10.0;
/// The most frames of a GIF per second where nothing else is asked for.
const FPS: u32 = 25;

/// Plays and draws what is asked for.
///
/// # Errors
/// Before anything is played: a file that cannot be written, a policy that cannot be read or does
/// not fit the task, a camera that is not there, a task that cannot be drawn here.
pub fn render(args: &RenderArgs) -> Result<()> {
    args.check_titles()?;
    let output = Output::new(&args.output, args.policies.iter().map(PathBuf::as_path))?;
    for (flag, given, format) in [
        ("--sheet", args.sheet.is_some(), Format::Png),
        ("--every", args.every.is_some(), Format::Gif),
        ("--fps", args.fps.is_some(), Format::Gif),
    ] {
        if given && output.format != format {
            let which = if format == Format::Png { ".png" } else { ".gif" };
            let text = format!("{flag} is for a {which}, and {} is none", args.output.display());
            return Err(UsageError(text).into());
        }
    }
    let device = device::open(args.device, &mut Notes)?;
    let play = PlayArgs::unrecorded(args.episodes, args.seed);
    let entrants = entrants::read(&args.policies, &args.asked(&play), &device)?;
    let plan = &entrants.first().context("no policy is given")?.plan;
    let spec = fpo_envs::spec(&plan.task)?;
    let whole = plan.episode_length.unwrap_or(spec.episode_length);
    let length = match args.length.map(|length| length as usize) {
        Some(length) if length > whole => {
            let text = format!("--length {length}: an episode here has {whole} control steps");
            return Err(UsageError(text).into());
        }
        asked => asked.unwrap_or(whole),
    };
    let pace = Pace::new(spec.control_dt, args.fps.unwrap_or(FPS), args.every)?;
    let mut painter = Painter::new(&spec, args.size, args.camera.as_deref())?;
    let (task, seed) = (&plan.task, plan.seed);
    let episodes = count(args.episodes as usize, "episode");
    let mut said = vec![format!("{task}, {episodes} of seed {seed}, {}", painter.describe())];
    let mut strips = Vec::new();
    for (index, entrant) in entrants.iter().enumerate() {
        let played = episode::play(&entrant.player, &entrant.plan, length)
            .with_context(|| format!("policy {}", entrant.path.display()))?;
        let name = args.titles.get(index).cloned();
        let name = name.unwrap_or_else(|| entrant::name(&entrant.given));
        let returns = played.iter().map(|episode| {
            format!("return {:.1} in {}", episode.earned(), count(episode.length(), "step"))
        });
        said.push(format!("{name}: {}", returns.collect::<Vec<_>>().join(", ")));
        strips.push(Strip { name, episodes: played });
    }
    let written = match output.format {
        Format::Gif => {
            let most = args.length.map_or(pace.steps(SECONDS), |length| length as usize);
            let mut film = Film::new(&strips, &mut painter, pace, most)?;
            let longest = strips.iter().flat_map(|strip| &strip.episodes).map(|e| e.length()).max();
            if let Some(longest) = longest.filter(|&longest| longest > most) {
                let (shown, all) = (count(most, "step"), format!("--length {longest} shows all"));
                note(&format!("the animation has the first {shown} of {longest}; {all}"));
            }
            let bytes = gif::gif(&mut film)?;
            output.write(&bytes)?;
            let (width, height) = film.size();
            let (frames, seconds) = (film.frames.len(), film.seconds());
            format!("{width} × {height} pixels, {frames} frames, {seconds:.1} s, {}", kb(&bytes))
        }
        Format::Png => {
            let (columns, rows) =
                args.sheet.unwrap_or(if strips.len() == 1 { (4, 3) } else { (5, 1) });
            let page = sheet(&strips, &mut painter, pace, Grid { columns, rows })?;
            let bytes = page.encode_png()?;
            output.write(&bytes)?;
            format!("{} × {} pixels, {}", page.width(), page.height(), kb(&bytes))
        }
    };
    note(&format!("wrote {} ({written})", output.path().display()));
    print(&said.join("\n"))
}

/// Returns the length of a file in words.
fn kb(bytes: &[u8]) -> String {
    format!("{} kB", bytes.len().div_ceil(1000))
}
