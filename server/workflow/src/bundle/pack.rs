//! Packing files into a zip: the same files give the same bytes, on every machine and at every time.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder};

use super::{Files, MAX_RATIO};

/// The first of January 1980, the earliest day that a zip can name: an archive says nothing of when it was made.
const DAY: u16 = 0x0021;
/// Version 2.0 of the format: folders and deflate.
const NEEDED: u16 = 20;
/// Made under Unix, so that the modes count.
const MADE_BY: u16 = 3 << 8 | NEEDED;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// A file that its owner may write and everybody may read. None may be executed.
const MODE: u32 = 0o100_644 << 16;

/// The files as a zip. [`super::read`] reads it back to the same files.
pub fn pack(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let mut count: u16 = 0;
    for (path, content) in files.iter() {
        let (method, body) = packed(content);
        let mut crc = Crc::new();
        crc.update(content);
        let offset = length(archive.len());
        let mut head = Vec::new();
        for number in [NEEDED, FLAGS, method, 0, DAY] {
            head.extend(number.to_le_bytes());
        }
        for number in [crc.sum(), length(body.len()), length(content.len())] {
            head.extend(number.to_le_bytes());
        }
        // A path is never longer than `path` allows.
        head.extend(u16::try_from(path.len()).unwrap_or(u16::MAX).to_le_bytes());
        head.extend(0_u16.to_le_bytes());

        archive.extend(b"PK\x03\x04");
        archive.extend(&head);
        archive.extend(path.as_bytes());
        archive.extend(body);

        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(&head);
        directory.extend([0_u8; 6]);
        directory.extend(MODE.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(path.as_bytes());
        count = count.saturating_add(1);
    }
    let offset = length(archive.len());
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(length(directory.len()).to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend(0_u16.to_le_bytes());
    archive
}

/// A length or an offset; a bundle is far below 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Deflated where that helps, and stored where it does not, or helps so much that nobody would unpack it.
fn packed(content: &[u8]) -> (u16, Vec<u8>) {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    match encoder.write_all(content).and_then(|()| encoder.finish()) {
        Ok(body) if body.len() < content.len() && content.len() <= body.len().saturating_mul(MAX_RATIO) => (8, body),
        _ => (0, content.to_vec()),
    }
}
