//! Writes TensorBoard event files: one scalar per key and step, and texts.
//!
//! An event file is a sequence of records. A record (the TFRecord format) is
//!
//! ```text
//! length: u64 le | crc(length): u32 le | data | crc(data): u32 le
//! crc(x) = rotate_right(crc32c(x), 15) + 0xa282ead8
//! ```
//!
//! and its data is one protobuf `Event`, of which this program writes the fields that scalars need:
//! `wall_time` (1, double), `step` (2, int64), `file_version` (3, string), `summary` (5) with
//! `value` (1) of `tag` (1, string) and `simple_value` (2, float), and `session_log` (7) with
//! `status` (1, enum). A text is a `value` whose `metadata` (9) names the plugin `text` and whose
//! `tensor` (8) is one string.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Appends events to a file of its own in a folder that TensorBoard reads.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// Begins a new event file in `folder`, which is made if it is not there.
    ///
    /// `restart_at` says that a run goes on from there: TensorBoard then forgets what earlier
    /// files of the folder say about this step and later ones.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(folder: &Path, restart_at: Option<u64>) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let now = wall_time();
        // TensorBoard reads files in the order of their names; the time makes that their age.
        let name = format!("events.out.tfevents.{now:017.6}.fpo");
        let path = folder.join(name);
        let file = OpenOptions::new().create_new(true).append(true).open(&path)?;
        let mut writer = Self { path, file };
        let mut version = event(now, 0);
        put_bytes(&mut version, 3, b"brain.Event:2");
        writer.record(&version)?;
        if let Some(step) = restart_at {
            const START: u64 = 1;
            let mut session = Vec::new();
            put_varint_field(&mut session, 1, START);
            let mut restart = event(now, step);
            put_bytes(&mut restart, 7, &session);
            writer.record(&restart)?;
        }
        Ok(writer)
    }

    /// Appends `scalars` (key and value) at `step`. Values are kept as `f32`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn scalars(&mut self, step: u64, scalars: &[(&str, f64)]) -> io::Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut message = Vec::new();
            put_bytes(&mut message, 1, tag.as_bytes());
            put_tag(&mut message, 2, FIXED_32);
            message.extend_from_slice(&(*value as f32).to_le_bytes());
            put_bytes(&mut summary, 1, &message);
        }
        let mut event = event(wall_time(), step);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Appends `text` under `tag` at `step`, which TensorBoard shows as it is, in a fixed width:
    /// four spaces before a line say so in Markdown.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn text(&mut self, step: u64, tag: &str, text: &str) -> io::Result<()> {
        const TENSOR: u64 = 2;
        const STRING: u64 = 7;
        let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
        let (mut plugin, mut metadata) = (Vec::new(), Vec::new());
        put_bytes(&mut plugin, 1, b"text");
        put_bytes(&mut metadata, 1, &plugin);
        put_varint_field(&mut metadata, 4, TENSOR);
        let mut tensor = Vec::new();
        put_varint_field(&mut tensor, 1, STRING);
        // A shape without dimensions: one string.
        put_bytes(&mut tensor, 2, &[]);
        put_bytes(&mut tensor, 8, lines.join("\n").as_bytes());
        let (mut value, mut summary) = (Vec::new(), Vec::new());
        put_bytes(&mut value, 1, tag.as_bytes());
        put_bytes(&mut value, 9, &metadata);
        put_bytes(&mut value, 8, &tensor);
        put_bytes(&mut summary, 1, &value);
        let mut event = event(wall_time(), step);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(&framed(data))
    }
}

/// Returns the seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Returns the record that holds `data`.
fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(data.len() + 16);
    record.extend_from_slice(&length);
    record.extend_from_slice(&masked_crc(&length).to_le_bytes());
    record.extend_from_slice(data);
    record.extend_from_slice(&masked_crc(data).to_le_bytes());
    record
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Returns the CRC-32C (Castagnoli) of `bytes`, reflected, as in RFC 3720.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    !bytes.iter().fold(!0, |crc: u32, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

const fn crc_table() -> [u32; 256] {
    const REFLECTED_POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { REFLECTED_POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

// Wire types of protobuf.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// Returns the start of an `Event`: its time and step.
fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = Vec::new();
    put_tag(&mut event, 1, FIXED_64);
    event.extend_from_slice(&wall_time.to_le_bytes());
    put_varint_field(&mut event, 2, step);
    event
}

fn put_tag(out: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(out, field << 3 | wire_type);
}

fn put_varint_field(out: &mut Vec<u8>, field: u64, value: u64) {
    put_tag(out, field, VARINT);
    put_varint(out, value);
}

fn put_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_tag(out, field, LENGTH_DELIMITED);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes seven bits a byte, lowest first; the top bit says that more bytes follow.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_its_published_values() {
        // The usual check value, and three of RFC 3720, appendix B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        // from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
        // hex(masked_crc32c(b"123456789"))  # tensorboard 2.21.0
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
    }

    #[test]
    fn varints_are_as_in_the_protobuf_guide() {
        for (value, expected) in [(0, vec![0]), (1, vec![1]), (150, vec![0x96, 1])] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, expected);
        }
        let mut out = Vec::new();
        put_varint(&mut out, u64::MAX);
        assert_eq!(out, [[0xff; 9].as_slice(), &[1]].concat());
    }

    /// Splits the only file of `folder` into the data of its records, checking the frames.
    fn records(folder: &Path) -> Vec<Vec<u8>> {
        let path = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        assert!(path.file_name().unwrap().to_str().unwrap().contains("tfevents"));
        let bytes = fs::read(path).unwrap();
        let mut rest = bytes.as_slice();
        let mut records = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let data = &rest[12..12 + length];
            assert_eq!(framed(data), rest[..length + 16]);
            records.push(data.to_vec());
            rest = &rest[length + 16..];
        }
        records
    }

    #[test]
    fn events_have_the_bytes_of_their_protobuf() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), Some(300)).unwrap();
        writer.scalars(300, &[("a", 1.5), ("b/c", f64::NAN)]).unwrap();
        let records = records(folder.path());
        assert_eq!(records.len(), 3);
        // After the nine bytes of wall_time.
        assert_eq!(records[0][9..], *b"\x10\x00\x1a\x0dbrain.Event:2");
        assert_eq!(records[1][9..], *b"\x10\xac\x02\x3a\x02\x08\x01");
        let summary = b"\x0a\x08\x0a\x01a\x15\x00\x00\xc0\x3f\x0a\x0a\x0a\x03b/c\x15";
        let summary = [summary.as_slice(), &f32::NAN.to_le_bytes()].concat();
        assert_eq!(records[2][9..], [b"\x10\xac\x02\x2a\x16".as_slice(), &summary].concat());
    }

    #[test]
    fn a_text_has_the_bytes_of_its_protobuf() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(folder.path(), None).unwrap();
        writer.text(300, "c", "[a]\nb = 1\n").unwrap();
        let records = records(folder.path());
        let metadata = b"\x4a\x0a\x0a\x06\x0a\x04text\x20\x02";
        let tensor = b"\x42\x17\x08\x07\x12\x00\x42\x11    [a]\n    b = 1";
        let value = [b"\x0a\x01c".as_slice(), metadata, tensor].concat();
        let summary = [b"\x0a".as_slice(), &[value.len() as u8], &value].concat();
        let event = [b"\x10\xac\x02\x2a".as_slice(), &[summary.len() as u8], &summary].concat();
        assert_eq!(records[1][9..], event);
    }
}
