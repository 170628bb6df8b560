//! An animation as a GIF file that plays again and again.
//!
//! All frames share one palette. A frame after the first holds the rectangle in which something
//! has changed, and in it a transparent pixel for each that has not, which compresses well.

use anyhow::{Context, Result};
use gif::{DisposalMethod, Encoder, Repeat};

use crate::commands::render::film::Film;
use crate::commands::render::palette::Histogram;
use crate::terminal::live::Live;

/// Frames whose colours are counted.
const COUNTED: usize = 16;
/// The index that means `as before`; a palette has 255 colours at most.
const SAME: u8 = 255;

/// Returns the GIF of `film`.
///
/// # Errors
/// Those of [`Film::draw`]; also for a picture that is too large for a GIF.
pub fn gif(film: &mut Film<'_>) -> Result<Vec<u8>> {
    let (width, height) = film.size();
    let (Ok(gif_width), Ok(gif_height)) = (u16::try_from(width), u16::try_from(height)) else {
        anyhow::bail!("{width} x {height} pixels are too many for a GIF");
    };
    let count = film.frames.len();
    let mut histogram = Histogram::default();
    for index in counted(count) {
        histogram.add(&film.draw(index)?);
    }
    let mut palette = histogram.palette();
    let mut rgb = palette.rgb();
    rgb.resize(3 * 256, 0);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, gif_width, gif_height, &rgb)?;
    encoder.set_repeat(Repeat::Infinite)?;
    let mut live = Live::on_stderr();
    let mut before: Vec<u8> = Vec::new();
    for index in 0..count {
        if live.is_on_terminal() {
            live.line(&format!("drawing frame {} of {count}", index + 1));
        }
        let now = palette.indices(&film.draw(index)?);
        let part = match index {
            0 => Part { left: 0, top: 0, width, height },
            _ => Part::changed(&before, &now, width),
        };
        let pixels = part.pixels(&before, &now, width);
        let mut frame = gif::Frame {
            delay: film.frames[index].delay,
            dispose: DisposalMethod::Keep,
            transparent: (index > 0).then_some(SAME),
            left: part.left as u16,
            top: part.top as u16,
            width: part.width as u16,
            height: part.height as u16,
            buffer: pixels.into(),
            ..gif::Frame::default()
        };
        frame.make_lzw_pre_encoded();
        encoder.write_lzw_pre_encoded_frame(&frame).context("cannot write a frame")?;
        before = now;
    }
    live.clear();
    encoder.into_inner().context("cannot end the file")?;
    Ok(bytes)
}

/// Returns frames from all over an animation of `count`.
fn counted(count: usize) -> Vec<usize> {
    let taken = count.min(COUNTED);
    (0..taken).map(|index| index * count / taken).collect()
}

/// A rectangle of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Part {
    /// Returns the smallest rectangle in which `now` differs from `before`, at least one pixel.
    fn changed(before: &[u8], now: &[u8], width: u32) -> Part {
        let differ = before.iter().zip(now).enumerate().filter(|(_, (a, b))| a != b);
        let places = differ.map(|(place, _)| (place as u32 % width, place as u32 / width));
        let ends = places.fold(None, |ends: Option<[u32; 4]>, (x, y)| {
            let [left, top, right, low] = ends.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), low.max(y)])
        });
        let [left, top, right, low] = ends.unwrap_or([0; 4]);
        Part { left, top, width: right - left + 1, height: low - top + 1 }
    }

    /// Returns the pixels of this part of `now`, row by row, with [`SAME`] where `before` has the
    /// same.
    fn pixels(&self, before: &[u8], now: &[u8], width: u32) -> Vec<u8> {
        let places = (self.top..self.top + self.height).flat_map(|y| {
            (self.left..self.left + self.width).map(move |x| (y * width + x) as usize)
        });
        let pixel = |place: usize| match before.get(place) {
            Some(&old) if old == now[place] => SAME,
            _ => now[place],
        };
        places.map(pixel).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_holds_what_has_changed_and_nothing_else() {
        let before = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let now = [0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 9, 0];
        let part = Part::changed(&before, &now, 4);
        assert_eq!(part, Part { left: 1, top: 1, width: 2, height: 2 });
        assert_eq!(part.pixels(&before, &now, 4), [7, SAME, SAME, 9]);
        let none = Part::changed(&before, &before, 4);
        assert_eq!((none.width, none.height), (1, 1));
    }

    #[test]
    fn counted_frames_lie_within_the_animation() {
        assert_eq!(counted(3), [0, 1, 2]);
        let many = counted(1000);
        assert_eq!((many.len(), many[0]), (COUNTED, 0));
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]) && many[COUNTED - 1] < 1000);
    }
}
