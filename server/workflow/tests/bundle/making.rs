//! Making archives, right ones and wrong ones. Each part of an entry can be given the lie.

use std::io::Write as _;

use flate2::{
    Compression, Crc,
    write::{DeflateEncoder, GzEncoder},
};

/// An entry of a zip. What is `Some` is written instead of what would be true.
#[derive(Clone, Default)]
pub(crate) struct Zipped {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) stored: bool,
    pub(crate) streamed: bool,
    pub(crate) flags: u16,
    pub(crate) external: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) method: Option<u16>,
    pub(crate) crc: Option<u32>,
    pub(crate) size: Option<u32>,
    pub(crate) packed_size: Option<u32>,
    pub(crate) disk: u16,
    pub(crate) offset: Option<u32>,
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) local_size: Option<u32>,
    pub(crate) local_method: Option<u16>,
    pub(crate) local_flags: Option<u16>,
    pub(crate) descriptor_size: Option<u32>,
    /// Written behind the entry.
    pub(crate) gap: Vec<u8>,
}

/// How a zip ends.
#[derive(Clone, Default)]
pub(crate) struct End {
    pub(crate) disks: [u16; 2],
    pub(crate) counts: Option<[u16; 2]>,
    pub(crate) size: Option<u32>,
    pub(crate) offset: Option<u32>,
    pub(crate) comment: Vec<u8>,
    /// Written between the directory and the end.
    pub(crate) gap: Vec<u8>,
}

pub(crate) fn entry(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Zipped {
    Zipped { name: name.as_ref().to_vec(), content: content.as_ref().to_vec(), flags: 1 << 11, ..Zipped::default() }
}

pub(crate) fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn crc(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

fn u16s(out: &mut Vec<u8>, numbers: &[u16]) {
    for number in numbers {
        out.extend(number.to_le_bytes());
    }
}

fn u32s(out: &mut Vec<u8>, numbers: &[u32]) {
    for number in numbers {
        out.extend(number.to_le_bytes());
    }
}

pub(crate) fn zip(entries: &[Zipped]) -> Vec<u8> {
    zip_ending(entries, End::default())
}

pub(crate) fn zip_ending(entries: &[Zipped], end: End) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let body = entry.body.clone().unwrap_or_else(|| if entry.stored { entry.content.clone() } else { deflated(&entry.content) });
        let method = entry.method.unwrap_or(if entry.stored { 0 } else { 8 });
        let flags = entry.flags | if entry.streamed { 8 } else { 0 };
        let crc = entry.crc.unwrap_or_else(|| crc(&entry.content));
        let packed_size = entry.packed_size.unwrap_or(u32::try_from(body.len()).unwrap());
        let size = entry.size.unwrap_or(u32::try_from(entry.content.len()).unwrap());
        let offset = entry.offset.unwrap_or(u32::try_from(archive.len()).unwrap());
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);

        archive.extend(b"PK\x03\x04");
        u16s(&mut archive, &[20, entry.local_flags.unwrap_or(flags), entry.local_method.unwrap_or(method), 0, 0x21]);
        if entry.streamed {
            u32s(&mut archive, &[0, 0, 0]);
        } else {
            u32s(&mut archive, &[crc, packed_size, entry.local_size.unwrap_or(size)]);
        }
        u16s(&mut archive, &[u16::try_from(local_name.len()).unwrap(), u16::try_from(entry.extra.len()).unwrap()]);
        archive.extend(local_name);
        archive.extend(&entry.extra);
        archive.extend(&body);
        if entry.streamed {
            archive.extend(b"PK\x07\x08");
            u32s(&mut archive, &[crc, packed_size, entry.descriptor_size.unwrap_or(size)]);
        }
        archive.extend(&entry.gap);

        directory.extend(b"PK\x01\x02");
        u16s(&mut directory, &[0x0314, 20, flags, method, 0, 0x21]);
        u32s(&mut directory, &[crc, packed_size, size]);
        u16s(&mut directory, &[u16::try_from(entry.name.len()).unwrap(), u16::try_from(entry.extra.len()).unwrap(), 0, entry.disk, 0]);
        u32s(&mut directory, &[entry.external, offset]);
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
    let offset = end.offset.unwrap_or(u32::try_from(archive.len()).unwrap());
    let size = end.size.unwrap_or(u32::try_from(directory.len()).unwrap());
    archive.extend(directory);
    archive.extend(end.gap);
    archive.extend(b"PK\x05\x06");
    u16s(&mut archive, &end.disks);
    u16s(&mut archive, &end.counts.unwrap_or([count; 2]));
    u32s(&mut archive, &[size, offset]);
    u16s(&mut archive, &[u16::try_from(end.comment.len()).unwrap()]);
    archive.extend(end.comment);
    archive
}

/// An entry of a tar.
#[derive(Clone)]
pub(crate) struct Tarred {
    pub(crate) name: Vec<u8>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) kind: u8,
    pub(crate) size: Option<Vec<u8>>,
    pub(crate) magic: [u8; 8],
    pub(crate) link: Vec<u8>,
    pub(crate) wrong_sum: bool,
    pub(crate) filling: u8,
}

pub(crate) fn tarred(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Tarred {
    Tarred {
        name: name.as_ref().to_vec(),
        prefix: Vec::new(),
        content: content.as_ref().to_vec(),
        kind: b'0',
        size: None,
        magic: *b"ustar\x0000",
        link: Vec::new(),
        wrong_sum: false,
        filling: 0,
    }
}

pub(crate) fn of_kind(kind: u8, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Tarred {
    Tarred { kind, ..tarred(name, content) }
}

/// A record of an extended head, with its length before it.
pub(crate) fn record(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let inner = [key.as_bytes(), b"=", value.as_ref(), b"\n"].concat();
    let mut length = inner.len() + 2;
    while format!("{length} ").len() + inner.len() != length {
        length += 1;
    }
    [format!("{length} ").as_bytes(), &inner].concat()
}

/// A tar with the two blocks that end it.
pub(crate) fn tar(entries: &[Tarred]) -> Vec<u8> {
    let mut archive = Vec::new();
    for entry in entries {
        let mut head = [0_u8; 512];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &entry.name);
        put(100, b"0000644\0");
        put(124, &entry.size.clone().unwrap_or_else(|| format!("{:011o}\0", entry.content.len()).into_bytes()));
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[entry.kind]);
        put(157, &entry.link);
        put(257, &entry.magic);
        put(345, &entry.prefix);
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum::<u32>() + u32::from(entry.wrong_sum);
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(head);
        archive.extend(&entry.content);
        archive.resize(archive.len().next_multiple_of(512), entry.filling);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn tar_gz(entries: &[Tarred]) -> Vec<u8> {
    gzip(&tar(entries))
}

/// Bytes that do not pack.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}
