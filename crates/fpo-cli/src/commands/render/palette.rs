//! The colours of a GIF: at most 255 for the whole animation, found by median cut.
//!
//! Colours are counted in cells of 4 × 4 × 4. The box of cells with the most pixels times the
//! longest side is cut through its median, again and again; each box gives its mean colour. Between
//! two colours of the palette a picture is dithered by a fixed pattern (Bayer's), so that a smooth
//! sky has no bands and a part that does not move keeps its pixels from frame to frame.

use resvg::tiny_skia::Pixmap;

/// The most colours; one more index means `as before`.
const COLOURS: usize = 255;
/// Bits of a channel in a cell, and the number of cells.
const BITS: usize = 6;
const CELLS: usize = 1 << (3 * BITS);
/// How far the pattern moves a channel at most, of 255.
const SPREAD: i32 = 5;
/// Bayer's pattern of 8 × 8 thresholds.
const PATTERN: [[i32; 8]; 8] = pattern();

const fn pattern() -> [[i32; 8]; 8] {
    let mut found = [[0; 8]; 8];
    let mut y = 0;
    while y < 8 {
        let mut x = 0;
        while x < 8 {
            let (mut value, mut bit) = (0, 0);
            while bit < 3 {
                let (a, b) = ((x >> bit) & 1, (y >> bit) & 1);
                value |= ((a ^ b) << (5 - 2 * bit)) | (b << (4 - 2 * bit));
                bit += 1;
            }
            found[y][x] = value as i32;
            x += 1;
        }
        y += 1;
    }
    found
}

type Rgb = [u8; 3];

/// How often colours occur.
pub struct Histogram {
    counts: Vec<u32>,
}

/// The colours of an animation, and the nearest of them to any other.
pub struct Palette {
    colours: Vec<Rgb>,
    /// For each cell the index of the nearest colour, once it was looked for.
    nearest: Vec<Option<u8>>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; CELLS] }
    }
}

impl Histogram {
    /// Counts the colours of `picture`.
    pub fn add(&mut self, picture: &Pixmap) {
        for pixel in picture.pixels() {
            self.counts[cell([pixel.red(), pixel.green(), pixel.blue()])] += 1;
        }
    }

    /// Returns the palette of all pictures.
    pub fn palette(&self) -> Palette {
        let used = (0..CELLS).filter(|&cell| self.counts[cell] > 0);
        let mut boxes =
            vec![Cells::new(used.map(|cell| (middle(cell), self.counts[cell])).collect())];
        while boxes.len() < COLOURS {
            let largest = (0..boxes.len())
                .filter(|&index| boxes[index].cells.len() > 1)
                .max_by_key(|&index| boxes[index].weight());
            let Some(largest) = largest else { break };
            let (low, high) = boxes.swap_remove(largest).cut();
            boxes.extend([low, high]);
        }
        let colours = boxes.iter().map(Cells::mean).collect();
        Palette { colours, nearest: vec![None; CELLS] }
    }
}

/// Cells of a box, each with how often it occurs.
struct Cells {
    cells: Vec<(Rgb, u32)>,
    /// The channel along which the box is longest, and how long it is there.
    longest: (usize, u8),
}

impl Cells {
    fn new(cells: Vec<(Rgb, u32)>) -> Cells {
        let side = |channel: usize| {
            let values = || cells.iter().map(|(colour, _)| colour[channel]);
            values().max().unwrap_or(0) - values().min().unwrap_or(0)
        };
        let sides = [0, 1, 2].map(|channel| (side(channel), channel));
        let (length, channel) = sides.into_iter().max().unwrap_or((0, 0));
        Cells { cells, longest: (channel, length) }
    }

    fn count(&self) -> u64 {
        self.cells.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// Returns how much a cut would gain: roots keep a wide sky from taking all colours.
    fn weight(&self) -> u64 {
        self.count().isqrt() * u64::from(self.longest.1).pow(2)
    }

    /// Cuts the box, which has two cells or more, through its median.
    fn cut(mut self) -> (Cells, Cells) {
        let channel = self.longest.0;
        self.cells.sort_unstable_by_key(|(colour, _)| (colour[channel], *colour));
        let (half, mut passed) = (self.count() / 2, 0);
        let beyond = |&(_, count): &(Rgb, u32)| {
            passed += u64::from(count);
            passed > half
        };
        let at = self.cells.iter().position(beyond).unwrap_or(0).clamp(1, self.cells.len() - 1);
        let high = self.cells.split_off(at);
        (Cells::new(self.cells), Cells::new(high))
    }

    fn mean(&self) -> Rgb {
        let total = self.count().max(1);
        [0, 1, 2].map(|channel| {
            let sum: u64 =
                self.cells.iter().map(|(c, count)| u64::from(c[channel]) * u64::from(*count)).sum();
            ((sum + total / 2) / total) as u8
        })
    }
}

impl Palette {
    /// Returns red, green and blue of each colour.
    pub fn rgb(&self) -> Vec<u8> {
        self.colours.as_flattened().to_vec()
    }

    /// Returns the index of a colour for each pixel of `picture`, row by row.
    pub fn indices(&mut self, picture: &Pixmap) -> Vec<u8> {
        let width = picture.width() as usize;
        let pixels = picture.pixels().iter().enumerate();
        let dithered = pixels.map(|(place, pixel)| {
            let threshold = PATTERN[place / width % 8][place % width % 8];
            let moved = |channel: u8| {
                // White paper stays white, and black letters black.
                let by = if channel == u8::MAX || channel == 0 { 0 } else { SPREAD };
                (i32::from(channel) + by * (2 * threshold - 63) / 63).clamp(0, 255) as u8
            };
            [moved(pixel.red()), moved(pixel.green()), moved(pixel.blue())]
        });
        dithered.map(|colour| self.index(colour)).collect()
    }

    fn index(&mut self, colour: Rgb) -> u8 {
        let cell = cell(colour);
        if let Some(index) = self.nearest[cell] {
            return index;
        }
        let wanted = middle(cell);
        let distance = |other: &Rgb| -> u32 {
            (0..3).map(|i| u32::from(wanted[i].abs_diff(other[i])).pow(2)).sum()
        };
        let nearest = (0..self.colours.len()).min_by_key(|&index| distance(&self.colours[index]));
        let index = nearest.unwrap_or(0) as u8;
        self.nearest[cell] = Some(index);
        index
    }
}

/// Returns the cell of a colour.
fn cell(colour: Rgb) -> usize {
    colour.iter().fold(0, |cell, &channel| cell << BITS | usize::from(channel >> (8 - BITS)))
}

/// Returns the colour of a cell: its ends for the first and last of a channel, so that black and
/// white are exact.
fn middle(cell: usize) -> Rgb {
    let most = (1 << BITS) - 1;
    let channel = |place: usize| {
        let level = cell >> (BITS * (2 - place)) & most;
        ((level * 255 + most / 2) / most) as u8
    };
    [channel(0), channel(1), channel(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::tiny_skia::Color;

    fn picture(colours: &[Rgb]) -> Pixmap {
        let mut pixels = Pixmap::new(colours.len() as u32, 1).unwrap();
        pixels.fill(Color::WHITE);
        for (to, from) in pixels.data_mut().chunks_exact_mut(4).zip(colours) {
            to[..3].copy_from_slice(from);
        }
        pixels
    }

    #[test]
    fn few_colours_are_kept_nearly_as_they_are() {
        let colours = [[255, 255, 255], [0, 0, 0], [200, 30, 40], [40, 180, 90], [0, 114, 178]];
        let picture = picture(&colours);
        let mut histogram = Histogram::default();
        histogram.add(&picture);
        let mut palette = histogram.palette();
        let (rgb, indices) = (palette.rgb(), palette.indices(&picture));
        for (colour, index) in colours.iter().zip(indices) {
            let found = &rgb[3 * usize::from(index)..][..3];
            assert!(
                found.iter().zip(colour).all(|(a, b)| a.abs_diff(*b) <= 3),
                "{found:?} {colour:?}"
            );
        }
        assert_eq!((&rgb.len(), rgb.contains(&255)), (&15, true));
    }

    #[test]
    fn many_colours_become_at_most_255_that_are_near() {
        let colours: Vec<Rgb> = (0..4096_u32)
            .map(|i| [i % 16 * 17, i / 16 % 16 * 17, i / 256 * 17].map(|c| c as u8))
            .collect();
        let picture = picture(&colours);
        let mut histogram = Histogram::default();
        histogram.add(&picture);
        let mut palette = histogram.palette();
        let (rgb, indices) = (palette.rgb(), palette.indices(&picture));
        assert_eq!(rgb.len(), 3 * COLOURS);
        let off = |(colour, index): (&Rgb, &u8)| {
            let found = &rgb[3 * usize::from(*index)..][..3];
            found.iter().zip(colour).map(|(a, b)| u32::from(a.abs_diff(*b))).max().unwrap()
        };
        let worst = colours.iter().zip(&indices).map(off).max().unwrap();
        assert!(worst < 40, "{worst}");
    }

    #[test]
    fn the_pattern_has_each_threshold_once() {
        let mut all: Vec<i32> = PATTERN.as_flattened().to_vec();
        all.sort_unstable();
        assert_eq!(all, (0..64).collect::<Vec<_>>());
    }
}
