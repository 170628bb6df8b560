//! The board: what each cell is.

/// Cells per side of the board.
pub const SIZE: usize = 25;

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// Nothing: the episode goes on.
    #[default]
    Free,
    /// Cannot be entered.
    Wall,
    /// Ends the episode with a reward.
    Goal,
    /// Ends the episode with a penalty.
    Death,
}

/// A board of [`SIZE`] × [`SIZE`] cells, addressed by (x, y) from (0, 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    rows: [[Cell; SIZE]; SIZE],
}

impl Default for Map {
    /// A board of free cells.
    fn default() -> Self {
        Self { rows: [[Cell::Free; SIZE]; SIZE] }
    }
}

impl Map {
    /// The cell at (`x`, `y`), `None` beyond the board.
    pub fn get(&self, x: usize, y: usize) -> Option<Cell> {
        self.rows.get(y)?.get(x).copied()
    }

    /// The same board with the cells of columns `x.0..=x.1` and rows `y.0..=y.1` set to `cell`;
    /// what lies beyond the board is left out.
    #[must_use]
    pub fn with(mut self, x: (usize, usize), y: (usize, usize), cell: Cell) -> Self {
        for row in self.rows.iter_mut().take(y.1 + 1).skip(y.0) {
            for place in row.iter_mut().take(x.1 + 1).skip(x.0) {
                *place = cell;
            }
        }
        self
    }

    /// The places (x, y) of all cells of one kind, row by row.
    pub fn cells(&self, kind: Cell) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.rows.iter().enumerate().flat_map(move |(y, row)| {
            row.iter().enumerate().filter(move |&(_, &cell)| cell == kind).map(move |(x, _)| (x, y))
        })
    }
}
