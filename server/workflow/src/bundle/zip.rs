//! Reading a zip (PKWARE APPNOTE 6.3.10), the plain part of the format that every writer can write.
//!
//! A zip says everything twice: in the header before an entry and in the directory at the end. Programs that trust
//! different halves see different files, so here both must agree, and the entries must lie behind each other without a gap from
//! the first byte to the directory. What is decided from headers is decided for all entries before one is unpacked.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Entries, Files, MAX_RATIO, Reason, Refusal, Taking, too_many_entries};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: [u8; 4] = [b'P', b'K', 5, 6];
const DESCRIPTOR: u32 = 0x0807_4b50;
/// The length of the record at the end, without its comment.
const END_LENGTH: usize = 22;

const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const STREAMED: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
/// Flags that say nothing of what an entry is: hints of the packer, and the two above.
const KNOWN_FLAGS: u16 = 1 << 1 | 1 << 2 | STREAMED | UTF8;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Parts of an entry's head that would say something else than the head does: sizes of 64 bits, another name, the
/// target of a link, encryption.
const CONTRADICTING: &[(u16, Reason, &str)] = &[
    (0x0001, Reason::Form, "is written in the form of zip64, which no bundle is large enough to need"),
    (0x000d, Reason::Link, "carries the target of a link"),
    (0x0017, Reason::Encrypted, "is encrypted"),
    (0x7075, Reason::Mismatch, "has a second name"),
    (0x9901, Reason::Encrypted, "is encrypted"),
];

/// An entry as the directory tells of it.
struct Entry<'b> {
    name: &'b [u8],
    /// Where it is kept; nothing for a folder.
    path: Option<String>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    offset: usize,
}

pub(super) fn read(archive: &[u8]) -> Result<Files, Refusal> {
    let (end, directory, count) = directory(archive)?;
    let mut entries = Entries::default();
    let mut rest = Taking(directory);
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        found.push(entry(&mut rest, &mut entries)?);
    }
    if !rest.0.is_empty() {
        return Err(Refusal::whole(Reason::Layout, "The directory of the archive is longer than its entries."));
    }
    entries.demand_ratio(archive.len())?;
    let bodies = bodies(archive.get(..end - directory.len()).unwrap_or_default(), &mut found)?;
    for (entry, body) in found.iter().zip(bodies) {
        if let Some(path) = &entry.path {
            entries.keep(path.clone(), unpacked(entry, body)?);
        }
    }
    entries.finish()
}

/// Where the record at the end begins, the directory before it, and how many entries it says there are.
fn directory(archive: &[u8]) -> Result<(usize, &[u8], usize), Refusal> {
    let earliest = archive.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let tail = archive.get(earliest..).unwrap_or_default();
    let starts = tail.windows(END.len()).enumerate().filter(|(_, window)| *window == END).map(|(at, _)| earliest + at);
    // A record is the one at the end when its comment reaches exactly to the end; two such records are two archives.
    let mut records = starts.filter_map(|at| {
        let mut record = Taking(archive.get(at + 4..)?);
        let (disk, first_disk, here, total) = (record.u16()?, record.u16()?, record.u16()?, record.u16()?);
        let (size, offset, comment) = (record.u32()?, record.u32()?, record.u16()?);
        (record.0.len() == usize::from(comment)).then_some((at, [disk, first_disk, here, total], size, offset))
    });
    let Some((at, [disk, first_disk, here, total], size, offset)) = records.next() else {
        let words = "The archive has no end that its directory could be found by: it was cut off, or something was written behind it.";
        return Err(Refusal::whole(Reason::Truncated, words));
    };
    if records.next().is_some() {
        return Err(Refusal::whole(Reason::Layout, "The archive ends in two ways, so that it could be read as two different ones."));
    }
    if u16::MAX == total || u32::MAX == size || u32::MAX == offset {
        return Err(Refusal::whole(Reason::Form, "The archive is written in the form of zip64, which no bundle is large enough to need."));
    }
    if disk != 0 || first_disk != 0 || here != total {
        return Err(Refusal::whole(Reason::Form, "The archive is one part of several. Pack the bundle into one file."));
    }
    if usize::from(total) > super::MAX_ENTRIES {
        return Err(too_many_entries());
    }
    let (size, offset) = (size as usize, offset as usize);
    if offset.checked_add(size) != Some(at) {
        let words = "The directory of the archive is not where the archive says, or there are bytes around it that belong to nothing.";
        return Err(Refusal::whole(Reason::Layout, words));
    }
    Ok((at, archive.get(offset..at).unwrap_or_default(), usize::from(total)))
}

/// Reads one line of the directory and admits it.
fn entry<'b>(rest: &mut Taking<'b>, entries: &mut Entries) -> Result<Entry<'b>, Refusal> {
    let fields = |rest: &mut Taking<'b>| {
        (rest.u32()? == CENTRAL).then_some(())?;
        let (_made_by, _needed) = (rest.u16()?, rest.u16()?);
        let (flags, method) = (rest.u16()?, rest.u16()?);
        let _changed_at = rest.u32()?;
        let (crc, packed, size) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let (name, extra, comment) = (rest.u16()?, rest.u16()?, rest.u16()?);
        let (disk, _internal, external, offset) = (rest.u16()?, rest.u16()?, rest.u32()?, rest.u32()?);
        let name = rest.bytes(usize::from(name))?;
        let extra = rest.bytes(usize::from(extra))?;
        rest.bytes(usize::from(comment))?;
        Some((flags, method, crc, [packed, size, offset], name, extra, disk, external))
    };
    let Some((flags, method, crc, [packed, size, offset], name, extra, disk, external)) = fields(rest) else {
        return Err(Refusal::whole(Reason::Corrupt, "The directory of the archive cannot be read."));
    };
    let refuse = |reason, what: &str| Err(Refusal::of(reason, name, what));
    if flags & ENCRYPTED != 0 {
        return refuse(Reason::Encrypted, "is encrypted");
    }
    if flags & !KNOWN_FLAGS != 0 {
        return refuse(Reason::Form, "uses a feature of the format that is not read here");
    }
    if disk != 0 {
        return refuse(Reason::Form, "is in another part of the archive");
    }
    if [packed, size, offset].contains(&u32::MAX) {
        return refuse(Reason::Form, "is written in the form of zip64, which no bundle is large enough to need");
    }
    if method != STORED && method != DEFLATED {
        return refuse(Reason::Method, "is packed in a way that is not read here: pack it with deflate, or store it");
    }
    if flags & UTF8 == 0 && !name.is_ascii() {
        return refuse(Reason::Name, "has a name that does not say that it is UTF-8");
    }
    demand_plain(name, extra)?;
    let is_folder = name.ends_with(b"/");
    demand_kind(name, is_folder, external)?;
    let (packed, size) = (packed as usize, size as usize);
    if is_folder && (size != 0 || packed > 2) {
        return refuse(Reason::Mismatch, "is a folder that has contents");
    }
    if method == STORED && packed != size {
        return refuse(Reason::Mismatch, "is not packed and has two sizes");
    }
    if size > packed.saturating_mul(MAX_RATIO) {
        return refuse(Reason::Ratio, &format!("unpacks to more than {MAX_RATIO} times its size"));
    }
    let path = entries.admit(name, is_folder, size)?.filter(|_| !is_folder);
    Ok(Entry { name, path, flags, method, crc, packed, size, offset: offset as usize })
}

/// Refuses extra parts of a head that contradict it, or that cannot be read.
fn demand_plain(name: &[u8], extra: &[u8]) -> Result<(), Refusal> {
    let mut rest = Taking(extra);
    while !rest.0.is_empty() {
        let part = |rest: &mut Taking<'_>| {
            let (id, length) = (rest.u16()?, rest.u16()?);
            rest.bytes(usize::from(length))?;
            Some(id)
        };
        let Some(id) = part(&mut rest) else {
            return Err(Refusal::of(Reason::Corrupt, name, "has a head that cannot be read to its end"));
        };
        if let Some((_, reason, what)) = CONTRADICTING.iter().find(|(known, ..)| *known == id) {
            return Err(Refusal::of(*reason, name, what));
        }
    }
    Ok(())
}

/// Refuses what is neither a file nor a folder. The upper half of the attributes is the mode of Unix, whoever wrote it: some programs
/// look there without asking where the archive was made.
fn demand_kind(name: &[u8], is_folder: bool, external: u32) -> Result<(), Refusal> {
    let folder_of_dos = external & 0x10 != 0;
    match external >> 28 {
        0 if is_folder || !folder_of_dos => Ok(()),
        0o04 if is_folder => Ok(()),
        0o10 if !is_folder && !folder_of_dos => Ok(()),
        0o12 => Err(Refusal::of(Reason::Link, name, "is a symbolic link")),
        0 | 0o04 | 0o10 => {
            Err(Refusal::of(Reason::Mismatch, name, "is a file by its name and a folder by its attributes, or the other way round"))
        }
        _ => Err(Refusal::of(Reason::Special, name, "is neither a file nor a folder")),
    }
}

/// The packed bytes of each entry: heads and bodies lie behind each other from the first byte to the last, and each head says what
/// the directory says. Sorts the entries by where they are.
fn bodies<'b>(packed: &'b [u8], entries: &mut [Entry<'_>]) -> Result<Vec<&'b [u8]>, Refusal> {
    entries.sort_by_key(|entry| entry.offset);
    let ends: Vec<usize> = entries.iter().skip(1).map(|entry| entry.offset).chain([packed.len()]).collect();
    let mut bodies = Vec::with_capacity(entries.len());
    let mut expected = 0;
    for (entry, end) in entries.iter().zip(ends) {
        let Some(piece) = packed.get(entry.offset..end).filter(|piece| entry.offset == expected && !piece.is_empty()) else {
            return Err(Refusal::of(Reason::Layout, entry.name, "overlaps another one, or does not begin where the one before ends"));
        };
        bodies.push(body(entry, piece)?);
        expected = end;
    }
    if expected != packed.len() {
        return Err(Refusal::whole(Reason::Layout, "There are bytes in the archive that belong to no entry."));
    }
    Ok(bodies)
}

/// The packed bytes of an entry, from the piece of the archive that is its own.
fn body<'b>(entry: &Entry<'_>, piece: &'b [u8]) -> Result<&'b [u8], Refusal> {
    let mut rest = Taking(piece);
    let fields = |rest: &mut Taking<'b>| {
        (rest.u32()? == LOCAL).then_some(())?;
        let _needed = rest.u16()?;
        let (flags, method) = (rest.u16()?, rest.u16()?);
        let _changed_at = rest.u32()?;
        let (crc, packed, size) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let (name, extra) = (rest.u16()?, rest.u16()?);
        Some((flags, method, [crc, packed, size], rest.bytes(usize::from(name))?, rest.bytes(usize::from(extra))?))
    };
    let Some((flags, method, local, name, extra)) = fields(&mut rest) else {
        return Err(Refusal::of(Reason::Layout, entry.name, "has no head where the directory says, or overlaps another one"));
    };
    let mismatch = |what| Err(Refusal::of(Reason::Mismatch, entry.name, what));
    if name != entry.name {
        return mismatch("has another name in its own head than in the directory");
    }
    demand_plain(name, extra)?;
    if flags != entry.flags || method != entry.method {
        return mismatch("is packed in another way by its own head than by the directory");
    }
    let central = [entry.crc, u32::try_from(entry.packed).unwrap_or(u32::MAX), u32::try_from(entry.size).unwrap_or(u32::MAX)];
    let is_streamed = flags & STREAMED != 0;
    if local != central && !(is_streamed && local == [0; 3]) {
        return mismatch("has other sizes or another checksum in its own head than in the directory");
    }
    let Some(body) = rest.bytes(entry.packed) else {
        return Err(Refusal::of(Reason::Layout, entry.name, "reaches into what comes behind it"));
    };
    if !is_streamed {
        return if rest.0.is_empty() {
            Ok(body)
        } else {
            Err(Refusal::of(Reason::Layout, entry.name, "is followed by bytes that belong to nothing"))
        };
    }
    if rest.0.len() == 16 && rest.u32() != Some(DESCRIPTOR) || rest.0.len() != 12 {
        return Err(Refusal::of(Reason::Layout, entry.name, "is followed by bytes that belong to nothing"));
    }
    if [rest.u32(), rest.u32(), rest.u32()] != central.map(Some) {
        return mismatch("has other sizes or another checksum behind it than in the directory");
    }
    Ok(body)
}

/// What an entry holds. Unpacking stops at the size that was announced.
fn unpacked(entry: &Entry<'_>, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let content = if entry.method == STORED {
        body.to_vec()
    } else {
        let mut content = Vec::with_capacity(entry.size.saturating_add(1));
        let mut inflate = Decompress::new(false);
        let status = inflate.decompress_vec(body, &mut content, FlushDecompress::Finish);
        let consumed = inflate.total_in() == body.len() as u64;
        if !matches!(status, Ok(Status::StreamEnd)) || !consumed || content.len() != entry.size {
            return Err(Refusal::of(Reason::Corrupt, entry.name, "does not unpack to what the archive says it holds"));
        }
        content
    };
    let mut crc = Crc::new();
    crc.update(&content);
    if crc.sum() != entry.crc {
        return Err(Refusal::of(Reason::Corrupt, entry.name, "holds something else than its checksum says"));
    }
    Ok(content)
}
