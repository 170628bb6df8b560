//! The board: a square of cells of four kinds.

/// Cells per side of the board.
pub const SIZE: usize = 25;

/// The kinds of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// An empty cell, in which the episode goes on.
    #[default]
    Free,
    /// A wall, which cannot be entered.
    Wall,
    /// A goal, which ends the episode with a reward.
    Goal,
    /// A deadly cell, which ends the episode with a penalty.
    Death,
}

/// A board of [`SIZE`] × [`SIZE`] cells, addressed by (x, y) from (0, 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    rows: [[Cell; SIZE]; SIZE],
}

impl Default for Map {
    /// Makes a board of free cells.
    fn default() -> Self {
        Self { rows: [[Cell::Free; SIZE]; SIZE] }
    }
}

impl Map {
    /// Returns the cell at (`x`, `y`), or `None` beyond the board.
    pub fn get(&self, x: usize, y: usize) -> Option<Cell> {
        self.rows.get(y)?.get(x).copied()
    }

    /// Returns the same board with the cells of columns `x.0..=x.1` and rows `y.0..=y.1` set to
    /// `cell`. Columns and rows beyond the board are ignored.
    #[must_use]
    pub fn with(mut self, x: (usize, usize), y: (usize, usize), cell: Cell) -> Self {
        for row in self.rows.iter_mut().take(y.1 + 1).skip(y.0) {
            for place in row.iter_mut().take(x.1 + 1).skip(x.0) {
                *place = cell;
            }
        }
        self
    }

    /// Returns the places (x, y) of all cells of one kind, row by row.
    pub fn cells(&self, kind: Cell) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.iter().enumerate().flat_map(move |(y, row)| {
            row.iter().enumerate().filter(move |&(_, &cell)| cell == kind).map(move |(x, _)| (x, y))
        })
    }
}
