//! The five layouts of the official code. A new layout is one more entry of [`LAYOUTS`].

use super::map::{Cell, Map, SIZE};

/// A named board.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Name, without `GridWorld/`.
    pub name: &'static str,
    /// One sentence for people.
    pub description: &'static str,
    /// Draws the board.
    pub draw: fn() -> Map,
    /// Cells (x, y) at which several ways are equally good, as far as they are known.
    pub saddles: &'static [(usize, usize)],
}

/// Last column and last row.
const LAST: usize = SIZE - 1;
/// The row as far from the upper as from the lower edge.
const MIDDLE: usize = SIZE / 2;

/// All layouts, the paper's first.
pub const LAYOUTS: [Layout; 5] = [
    Layout {
        name: "two_walls",
        description: "goals along the whole lower and upper edge, equally far from the middle row",
        draw: two_walls,
        saddles: &[(4, MIDDLE), (12, MIDDLE), (20, MIDDLE)],
    },
    Layout {
        name: "three_goals",
        description: "three goals around a deadly centre",
        draw: three_goals,
        saddles: &[],
    },
    Layout {
        name: "tree_in_the_middle",
        description: "a deadly block in front of a goal at the right edge",
        draw: tree_in_the_middle,
        saddles: &[],
    },
    Layout {
        name: "two_slits",
        description: "a wall with two gaps before a goal along the right edge",
        draw: two_slits,
        saddles: &[],
    },
    Layout {
        name: "cshape",
        description: "a goal in the centre of a C-shaped wall that is open on the left",
        draw: cshape,
        saddles: &[],
    },
];

fn two_walls() -> Map {
    Map::default().with((0, LAST), (0, 1), Cell::Goal).with((0, LAST), (23, LAST), Cell::Goal)
}

fn three_goals() -> Map {
    Map::default()
        .with((11, 13), (17, 19), Cell::Goal)
        .with((6, 8), (6, 8), Cell::Goal)
        .with((16, 18), (6, 8), Cell::Goal)
        .with((11, 13), (11, 13), Cell::Death)
}

fn tree_in_the_middle() -> Map {
    Map::default().with((13, 17), (10, 14), Cell::Death).with((23, LAST), (10, 14), Cell::Goal)
}

fn two_slits() -> Map {
    Map::default()
        .with((15, 15), (0, LAST), Cell::Wall)
        .with((15, 15), (4, 7), Cell::Free)
        .with((15, 15), (17, 20), Cell::Free)
        .with((LAST, LAST), (0, LAST), Cell::Goal)
}

fn cshape() -> Map {
    Map::default()
        .with((7, 17), (7, 7), Cell::Wall)
        .with((7, 17), (17, 17), Cell::Wall)
        .with((17, 17), (7, 17), Cell::Wall)
        .with((10, 14), (10, 14), Cell::Goal)
}
