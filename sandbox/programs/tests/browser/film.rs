//! A short film of the page: an animated PNG, <https://www.w3.org/TR/png-3/#apng-frame-based-animation>.

use std::{fs, path::Path};

use png::{BitDepth, ColorType, Decoder, Encoder};

/// How long a picture stays, ms.
const STAYS: u16 = 900;
/// How long the last picture stays, ms.
const LAST: u16 = 5_000;

/// Pictures of the same size, each different from the one before.
#[derive(Default)]
pub(crate) struct Film {
    size: (u32, u32),
    pictures: Vec<Vec<u8>>,
}

/// The part of a picture that is different.
struct Change {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Film {
    /// Adds a picture of the browser, if it is a new one.
    pub(crate) fn add(&mut self, picture: &[u8]) {
        let mut decoder = Decoder::new(std::io::Cursor::new(picture));
        decoder.set_transformations(png::Transformations::STRIP_16 | png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        pixels.truncate(info.buffer_size());
        let pixels = match info.color_type {
            ColorType::Rgb => pixels,
            ColorType::Rgba => pixels.chunks(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
            other => panic!("a picture of {other:?}"),
        };
        if self.pictures.is_empty() {
            self.size = (info.width, info.height);
        }
        assert_eq!(self.size, (info.width, info.height));
        if self.pictures.last() != Some(&pixels) {
            self.pictures.push(pixels);
        }
    }

    /// The number of pictures.
    pub(crate) fn len(&self) -> usize {
        self.pictures.len()
    }

    /// What changes from a picture to the next one. The first one is new everywhere.
    fn change(&self, at: usize) -> Change {
        let (width, height) = self.size;
        let new = &self.pictures[at];
        let pixel = |picture: &[u8], x: u32, y: u32| -> [u8; 3] {
            let at = (y * width + x) as usize * 3;
            [picture[at], picture[at + 1], picture[at + 2]]
        };
        let (mut left, mut top, mut right, mut bottom) = (width, height, 0, 0);
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let same = at > 0 && pixel(&self.pictures[at - 1], x, y) == pixel(new, x, y);
            if !same {
                (left, top) = (left.min(x), top.min(y));
                (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
            }
        }
        let pixels = (top..bottom)
            .flat_map(|y| (left..right).flat_map(move |x| pixel(new, x, y)))
            .collect();
        Change {
            left,
            top,
            width: right - left,
            height: bottom - top,
            pixels,
        }
    }

    /// Writes the film, which runs again and again.
    pub(crate) fn write(&self, file: &Path) {
        let (width, height) = self.size;
        let mut encoder = Encoder::new(fs::File::create(file).unwrap(), width, height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let frames = u32::try_from(self.pictures.len()).unwrap();
        encoder.set_animated(frames, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        for at in 0..self.pictures.len() {
            let change = self.change(at);
            let stays = if at + 1 == self.pictures.len() {
                LAST
            } else {
                STAYS
            };
            writer.set_frame_delay(stays, 1_000).unwrap();
            // The place first: a frame must lie inside the picture at any moment.
            writer.reset_frame_position().unwrap();
            writer
                .set_frame_dimension(change.width, change.height)
                .unwrap();
            writer.set_frame_position(change.left, change.top).unwrap();
            writer.write_image_data(&change.pixels).unwrap();
        }
        writer.finish().unwrap();
    }
}
