//! Puts the panels of all policies into one figure: a column for each.

use crate::commands::figure::font::{Fonts, Weight};
use crate::commands::figure::gridworld::legend::Legend;
use crate::commands::figure::gridworld::map_panel::{MapPanel, SIDE};
use crate::commands::figure::gridworld::palette::label;
use crate::commands::figure::gridworld::scatter_panel::ScatterPanel;
use crate::commands::figure::gridworld::survey::Survey;
use crate::commands::figure::gridworld::{palette, scatter_panel};
use crate::commands::figure::scene::{Anchor, Scene, Text};
use crate::terminal::humanize::grouped;

/// Room around everything.
const MARGIN: f32 = 28.0;
/// Room for the numbers of rows, left of a map.
const NUMBERS: f32 = 22.0;
/// Room between columns.
const COLUMN_GAP: f32 = 34.0;
/// Room between the panels of a row of states.
const PANEL_GAP: f32 = 16.0;
/// Height of the title and the line below it.
const HEAD: f32 = 48.0;
/// Height of the numbers of columns and of the room below a map.
const FOOT: f32 = 34.0;

/// Returns the figure of `surveys`.
pub fn draw(surveys: &[Survey], fonts: &Fonts) -> Scene {
    let columns = surveys.len() as f32;
    let width = 2.0 * MARGIN + columns * (NUMBERS + SIDE) + (columns - 1.0) * COLUMN_GAP;
    let side = (SIDE - 2.0 * PANEL_GAP) / 3.0;
    let legend = Legend::new(surveys, fonts, width - 2.0 * MARGIN - NUMBERS);
    let maps = MARGIN + HEAD;
    let scatters = maps + SIDE + FOOT + scatter_panel::ABOVE;
    let legend_top = scatters + side + scatter_panel::BELOW + 18.0;
    let height = legend_top + legend.height() + MARGIN - 6.0;

    let names: Vec<&str> = surveys.iter().map(|survey| survey.title.as_str()).collect();
    let mut scene = Scene {
        width: width.ceil() as u32,
        height: height.ceil() as u32,
        title: format!("GridWorld: actions and episodes of {}", names.join(", ")),
        layers: Vec::new(),
    };
    let limit = scatter_panel::limit(surveys);
    for (column, survey) in surveys.iter().enumerate() {
        let x = MARGIN + NUMBERS + column as f32 * (NUMBERS + SIDE + COLUMN_GAP);
        head(&mut scene, survey, x, fonts);
        let map = MapPanel { x, y: maps };
        map.ground(&mut scene, survey.world.map());
        map.fans(&mut scene, survey);
        map.states(&mut scene, survey);
        map.walks(&mut scene, survey);
        map.letters(&mut scene, &survey.goals);
        for (index, state) in survey.states.iter().enumerate() {
            let x = x + index as f32 * (side + PANEL_GAP);
            let panel = ScatterPanel { x, y: scatters, side, limit, first: index == 0 };
            panel.paint(&mut scene, survey, state);
        }
    }
    legend.paint(&mut scene, MARGIN + NUMBERS, legend_top);
    scene
}

fn head(scene: &mut Scene, survey: &Survey, x: f32, fonts: &Fonts) {
    let title = fonts.fitted(&survey.title, 17.0, Weight::SemiBold, SIDE);
    scene.text(Text {
        weight: Weight::SemiBold,
        paint: palette::INK,
        ..label(title, x, MARGIN + 14.0, 17.0, Anchor::Start)
    });
    let line = format!("{}, trained for {} steps", survey.task, grouped(survey.steps));
    scene.text(label(line, x, MARGIN + 33.0, 11.5, Anchor::Start));
}
