//! Files as a zip archive that is written while it is read, so that it never stands in memory as a whole (APPNOTE.TXT 6.3.10).
//!
//! No entry needs more than the first form of the format: an archive beyond its bounds breaks off.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// 1980-01-01 00:00 in the form of MS-DOS: when a version was saved is said in the list of contents.
const NO_DATE: u16 = 0x21;
/// What it takes to read an entry: version 2.0, for folders and deflate.
const NEEDS: u16 = 20;
/// Names are UTF-8 (4.4.4, bit 11).
const UTF8: u16 = 1 << 11;
const DEFLATED: u16 = 8;

/// An archive under way.
#[derive(Debug, Default)]
pub(super) struct Archive {
    offset: u32,
    entries: u16,
    directory: Vec<u8>,
}

/// Why an archive cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ZipError {
    #[error("a zip archive has at most 65,535 files, 4 GiB and names of 65,535 bytes")]
    TooLarge,
    #[error("a file could not be compressed: {0}")]
    Compression(#[from] std::io::Error),
}

fn short(number: usize) -> Result<u16, ZipError> {
    u16::try_from(number).map_err(|_| ZipError::TooLarge)
}

fn long(number: usize) -> Result<u32, ZipError> {
    u32::try_from(number).map_err(|_| ZipError::TooLarge)
}

impl Archive {
    /// The next file; `path` has slashes between its names.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) -> Result<Vec<u8>, ZipError> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let mut crc = Crc::new();
        crc.update(content);
        // What the local header and the entry of the directory both say (4.3.7, 4.3.12).
        let mut facts = Vec::new();
        for number in [NEEDS, UTF8, DEFLATED, 0, NO_DATE] {
            facts.extend(number.to_le_bytes());
        }
        for number in [crc.sum(), long(packed.len())?, long(content.len())?] {
            facts.extend(number.to_le_bytes());
        }
        facts.extend(short(path.len())?.to_le_bytes());
        facts.extend(0_u16.to_le_bytes());

        self.directory.extend(0x0201_4b50_u32.to_le_bytes());
        // Made on a system of the UNIX kind, so that the mode counts (4.4.2).
        self.directory.extend((3_u16 << 8 | NEEDS).to_le_bytes());
        self.directory.extend(&facts);
        for number in [0_u16, 0, 0] {
            self.directory.extend(number.to_le_bytes());
        }
        self.directory.extend((0o100_644_u32 << 16).to_le_bytes());
        self.directory.extend(self.offset.to_le_bytes());
        self.directory.extend(path.as_bytes());
        self.entries = self.entries.checked_add(1).ok_or(ZipError::TooLarge)?;

        let mut written = Vec::with_capacity(packed.len() + path.len() + 30);
        written.extend(0x0403_4b50_u32.to_le_bytes());
        written.extend(&facts);
        written.extend(path.as_bytes());
        written.extend(&packed);
        self.offset = self.offset.checked_add(long(written.len())?).ok_or(ZipError::TooLarge)?;
        Ok(written)
    }

    /// The end of the archive (4.3.16).
    pub(super) fn end(self) -> Result<Vec<u8>, ZipError> {
        let size = long(self.directory.len())?;
        let mut written = self.directory;
        written.extend(0x0605_4b50_u32.to_le_bytes());
        for number in [0_u16, 0, self.entries, self.entries] {
            written.extend(number.to_le_bytes());
        }
        written.extend(size.to_le_bytes());
        written.extend(self.offset.to_le_bytes());
        written.extend(0_u16.to_le_bytes());
        Ok(written)
    }
}
