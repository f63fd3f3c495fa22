//! Every archive that means harm is refused for its own reason, by name, and nothing of it is given out.

use workflow::bundle::{MAX_ARCHIVE, MAX_ENTRIES, Reason, read};

use crate::making::{End, Tarred, Zipped, deflated, entry, gzip, noise, of_kind, record, tar, tar_gz, tarred, zip, zip_ending};

fn refused(archive: &[u8], reason: Reason, about: &str) {
    let refusal = read(archive).expect_err(about);
    assert_eq!(refusal.reason, reason, "{about}: {refusal}");
    assert!(refusal.sentence.ends_with('.') && !refusal.sentence.chars().any(char::is_control), "{about}: {refusal}");
}

/// Puts a wrong entry behind a right one, and asks for the reason and for the name of the wrong one.
fn refused_entry(wrong: Zipped, reason: Reason, about: &str) {
    let archive = zip(&[entry("workflow.md", "---\n"), wrong]);
    refused(&archive, reason, about);
    assert!(read(&archive).unwrap_err().entry.is_some(), "{about} names no entry");
}

fn refused_tarred(wrong: &[Tarred], reason: Reason, about: &str) {
    refused(&tar_gz(&[&[tarred("workflow.md", "---\n")], wrong].concat()), reason, about);
}

const NAMES: &[(&str, Reason)] = &[
    ("../evil", Reason::Escape),
    ("a/../../evil", Reason::Escape),
    ("/etc/passwd", Reason::Escape),
    ("C:evil", Reason::Escape),
    ("c:/evil", Reason::Escape),
    ("a\\..\\evil", Reason::Name),
    ("a\nb", Reason::Name),
    ("a\u{1b}[2Jb", Reason::Name),
    ("a\u{202e}dm.exe", Reason::Name),
    ("aux.md", Reason::Name),
    ("a/./b", Reason::Name),
    ("a//b", Reason::Name),
    ("a.md.", Reason::Name),
    ("ab:stream", Reason::Name),
    ("workflow.md", Reason::Duplicate),
    ("Workflow.MD", Reason::Collision),
    ("ｗorkflow.md", Reason::Collision),
    ("workflow.md/x", Reason::Duplicate),
];

#[test]
fn names_that_lead_elsewhere_are_refused_in_both_forms() {
    for (name, reason) in NAMES {
        refused_entry(entry(name, "x"), *reason, name);
        refused_tarred(&[tarred(name, "x")], *reason, name);
        refused_tarred(&[of_kind(b'x', "x", record("path", name)), tarred("x", "x")], *reason, name);
        refused_tarred(&[of_kind(b'L', "././@LongLink", format!("{name}\0")), tarred("x", "x")], *reason, name);
    }
    for (name, reason) in [(&b"a\0b"[..], Reason::Name), (b"caf\xe9", Reason::Name), (b"a/../b/", Reason::Escape), (b"..", Reason::Escape)]
    {
        refused_entry(entry(name, ""), reason, "a name in bytes");
        refused_tarred(&[of_kind(b'5', name, "")], reason, "a name in bytes");
    }
    refused_entry(entry([b'a'; 200], "x"), Reason::Name, "a long part");
    refused_entry(entry("a/".repeat(200) + "b", "x"), Reason::Name, "a deep path");
    refused_entry(Zipped { flags: 0, ..entry("größe", "x") }, Reason::Name, "a name that does not say its encoding");
    refused_tarred(&[of_kind(b'x', "x", record("path", [b'a'; 5000])), tarred("x", "x")], Reason::Name, "a long name");
}

#[test]
fn two_compositions_of_one_name_collide() {
    refused(&zip(&[entry("caf\u{e9}.md", "1"), entry("cafe\u{301}.md", "2")]), Reason::Duplicate, "composed and decomposed");
    refused(&zip(&[entry("a/x", "1"), entry("A/y", "2")]), Reason::Collision, "folders in two cases");
    refused(&zip(&[entry("a/", ""), entry("a/", "")]), Reason::Duplicate, "a folder twice");
    refused(&zip(&[entry("a", "1"), entry("a/b", "2")]), Reason::Duplicate, "a file and a folder");
}

#[test]
fn links_and_devices_are_refused() {
    for (mode, reason) in [
        (0o120_777, Reason::Link),
        (0o020_666, Reason::Special),
        (0o060_666, Reason::Special),
        (0o010_666, Reason::Special),
        (0o140_666, Reason::Special),
    ] {
        refused_entry(Zipped { external: mode << 16, ..entry("x", "/etc/passwd") }, reason, "the mode of a zip");
    }
    refused_entry(Zipped { external: 0o040_755 << 16, ..entry("x", "") }, Reason::Mismatch, "a folder by its mode");
    refused_entry(Zipped { external: 0o100_644 << 16, ..entry("x/", "") }, Reason::Mismatch, "a folder by its name");
    refused_entry(Zipped { external: 0x10, ..entry("x", "") }, Reason::Mismatch, "a folder by its DOS attribute");
    refused_entry(entry("x/", "contents"), Reason::Mismatch, "a folder with contents");
    refused_entry(Zipped { extra: b"\x0d\0\x04\0abcd".to_vec(), ..entry("x", "y") }, Reason::Link, "a target in the extra field");

    for (kind, reason) in [
        (b'1', Reason::Link),
        (b'2', Reason::Link),
        (b'K', Reason::Link),
        (b'3', Reason::Special),
        (b'4', Reason::Special),
        (b'6', Reason::Special),
        (b'S', Reason::Form),
        (b'7', Reason::Form),
        (b'V', Reason::Form),
    ] {
        refused_tarred(&[Tarred { link: b"/etc/passwd".to_vec(), ..of_kind(kind, "x", "") }], reason, "a kind of tar");
    }
    refused_tarred(&[of_kind(b'x', "x", record("linkpath", "/etc")), tarred("x", "")], Reason::Link, "a link in the extended head");
}

#[test]
fn too_many_and_too_much_are_refused_before_anything_is_unpacked() {
    let many: Vec<Zipped> = (0..=MAX_ENTRIES).map(|number| entry(format!("f{number}"), "")).collect();
    refused(&zip(&many), Reason::TooManyEntries, "1,001 entries of a zip");
    let folders: Vec<Tarred> = (0..=MAX_ENTRIES).map(|number| of_kind(b'5', format!("f{number}/"), "")).collect();
    refused(&tar_gz(&folders), Reason::TooManyEntries, "1,001 folders of a tar");
    let heads: Vec<Tarred> = (0..4_000).map(|_| of_kind(b'g', "g", record("comment", "x"))).collect();
    refused(&tar_gz(&heads), Reason::TooManyEntries, "heads without end");

    // Sizes as the headers announce them; the bodies are never looked at.
    let body = noise(600_000);
    let large = |name: &str| Zipped { body: Some(body.clone()), size: Some(26 << 20), ..entry(name, "") };
    refused(&zip(&[large("a"), large("b")]), Reason::TooLarge, "52 MiB announced");
    refused(&vec![b'P'; MAX_ARCHIVE + 1], Reason::TooLarge, "an archive of more than 16 MiB");
    refused_tarred(&[Tarred { size: Some(b"77777777777\0".to_vec()), ..tarred("x", "") }], Reason::TooLarge, "8 GiB announced by a tar");
}

#[test]
fn bombs_are_refused_by_their_ratio() {
    let zeros = vec![0; 1 << 20];
    refused_entry(entry("x", &zeros), Reason::Ratio, "one entry of zeros");
    refused(&tar_gz(&[tarred("x", vec![0; 4 << 20])]), Reason::Ratio, "a tar of zeros");
    // An archive whose first head of 60 bytes announces little, and whose body goes on for ever.
    let bomb = gzip(&[tar(&[tarred("a", "b")]), vec![0; 60 << 20]].concat());
    refused(&bomb, Reason::TooLarge, "zeros behind the end of a tar");
    let lying = Zipped { body: Some(deflated(&zeros)), size: Some(1_000), ..entry("x", "") };
    refused_entry(lying, Reason::Corrupt, "an entry that says it is small");
}

#[test]
fn entries_that_overlap_or_leave_gaps_are_refused() {
    // The second line of the directory points to the first entry: the same bytes counted twice, or a thousand times.
    let first = entry("a", "x");
    let twice = [first.clone(), Zipped { offset: Some(0), ..entry("b", "x") }];
    refused(&zip(&twice), Reason::Layout, "two lines for one body");
    let inside = Zipped { offset: Some(5), ..entry("b", "x") };
    refused(&zip(&[first.clone(), inside]), Reason::Layout, "an entry that begins inside another");
    let into_the_next = Zipped { stored: true, packed_size: Some(60), size: Some(60), ..entry("a", "x") };
    refused(&zip(&[into_the_next, entry("b", "x")]), Reason::Layout, "an entry that reaches into the next");
    refused(&zip(&[Zipped { gap: b"hidden".to_vec(), ..first.clone() }, entry("b", "x")]), Reason::Layout, "bytes between entries");
    refused(&zip(&[Zipped { offset: Some(1), ..first.clone() }]), Reason::Layout, "a byte before the first entry");
    refused(&[b"#!/bin/sh\n".to_vec(), zip(&[entry("a", "x")])].concat(), Reason::NotAnArchive, "a program before the archive");
    refused(&zip(&[Zipped { offset: Some(900_000), ..first }]), Reason::Layout, "an entry beyond the end");
}

#[test]
fn directories_that_lie_are_refused() {
    let all = || [entry("a", "x"), entry("b", "y")];
    let ending = |end: End| zip_ending(&all(), end);
    for (end, reason, about) in [
        (End { disks: [1, 1], ..End::default() }, Reason::Form, "another disk"),
        (End { counts: Some([1, 2]), ..End::default() }, Reason::Form, "more entries on other disks"),
        (End { counts: Some([1, 1]), ..End::default() }, Reason::Layout, "fewer entries than there are"),
        (End { counts: Some([3, 3]), ..End::default() }, Reason::Corrupt, "more entries than there are"),
        (End { counts: Some([u16::MAX; 2]), ..End::default() }, Reason::Form, "zip64 by the count"),
        (End { offset: Some(u32::MAX), ..End::default() }, Reason::Form, "zip64 by the offset"),
        (End { size: Some(u32::MAX), ..End::default() }, Reason::Form, "zip64 by the size"),
        (End { size: Some(10), ..End::default() }, Reason::Layout, "a directory that is shorter"),
        (End { offset: Some(0), ..End::default() }, Reason::Layout, "a directory somewhere else"),
        (End { gap: b"PK\x06\x07 a locator of zip64".to_vec(), ..End::default() }, Reason::Layout, "bytes behind the directory"),
    ] {
        refused(&ending(end), reason, about);
    }
    assert!(read(&ending(End { comment: b"0123456789abcdef".to_vec(), ..End::default() })).is_ok(), "a comment is no harm");
    let hidden = zip(&[entry("other", "z")]);
    refused(&ending(End { comment: hidden, ..End::default() }), Reason::Layout, "an archive in the comment of an archive");
    let mut longer = zip(&all());
    longer.push(0);
    refused(&longer, Reason::Truncated, "a byte behind the end");
    refused(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", Reason::Empty, "an empty zip");
    refused(&zip(&[entry("a/", "")]), Reason::Empty, "only a folder");
}

#[test]
fn heads_that_say_two_things_are_refused() {
    let of = |wrong: Zipped, about: &str| refused_entry(wrong, Reason::Mismatch, about);
    of(Zipped { local_name: Some(b"y".to_vec()), ..entry("x", "1") }, "two names");
    of(Zipped { local_name: Some(b"../x".to_vec()), ..entry("x", "1") }, "a name that escapes in one head only");
    of(Zipped { local_size: Some(7), ..entry("x", "1") }, "two sizes");
    of(Zipped { local_method: Some(0), ..entry("x", "1") }, "two methods");
    of(Zipped { local_flags: Some(0), ..entry("x", "1") }, "two sets of flags");
    of(Zipped { streamed: true, descriptor_size: Some(9), ..entry("x", "1") }, "another size behind the entry");
    of(Zipped { stored: true, size: Some(2), ..entry("x", "1") }, "stored with two sizes");
    of(Zipped { extra: b"up\x06\0\x01abcdy".to_vec(), ..entry("x", "1") }, "a second name in the extra field");
    refused_entry(Zipped { extra: b"UT\xff\0\x01".to_vec(), ..entry("x", "1") }, Reason::Corrupt, "an extra field that ends nowhere");
    refused_entry(Zipped { extra: [b"\x01\0\x10\0".to_vec(), vec![0; 16]].concat(), ..entry("x", "1") }, Reason::Form, "zip64 sizes");
    refused_entry(Zipped { size: Some(u32::MAX), ..entry("x", "1") }, Reason::Form, "a zip64 entry");
    refused_entry(Zipped { disk: 1, ..entry("x", "1") }, Reason::Form, "an entry on another disk");
    refused_tarred(&[of_kind(b'x', "x", record("size", "99")), tarred("x", "1")], Reason::Mismatch, "two sizes in a tar");
    let two = [record("path", "a"), record("path", "b")].concat();
    refused_tarred(&[of_kind(b'x', "x", two), tarred("x", "1")], Reason::Mismatch, "two names in a tar");
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    for flag in [1, 1 << 6 | 1, 1 << 13] {
        refused_entry(Zipped { flags: flag, ..entry("x", "secret") }, Reason::Encrypted, "encrypted");
    }
    refused_entry(Zipped { extra: b"\x01\x99\x07\0\x02\0AE\x03\x08\0".to_vec(), ..entry("x", "1") }, Reason::Encrypted, "AES");
    refused_entry(Zipped { flags: 1 << 5, ..entry("x", "1") }, Reason::Form, "patched data");
    for method in [1, 9, 12, 14, 93, 95, 99] {
        refused_entry(Zipped { method: Some(method), ..entry("x", "1") }, Reason::Method, "another method");
    }
    refused_tarred(&[Tarred { magic: [0; 8], ..tarred("x", "1") }], Reason::Form, "a tar before POSIX");
    refused_tarred(&[of_kind(b'x', "x", record("GNU.sparse.major", "1")), tarred("x", "1")], Reason::Form, "a sparse file");
    refused_tarred(&[of_kind(b'x', "x", record("hdrcharset", "BINARY")), tarred("x", "1")], Reason::Form, "another character set");
    refused_tarred(&[of_kind(b'g', "g", record("path", "y")), tarred("x", "1")], Reason::Form, "one name for all");
    refused_tarred(
        &[Tarred { size: Some(b"\x80\0\0\0\0\0\0\0\0\0\0\x01".to_vec()), ..tarred("x", "1") }],
        Reason::Form,
        "a size in base 256",
    );
    for nothing in [&b""[..], b"PK", b"{\"file\": \"/etc/passwd\"}", b"Rar!\x1a\x07\0", b"7z\xbc\xaf\x27\x1c", b"ustar"] {
        refused(nothing, Reason::NotAnArchive, "no archive");
    }
}

#[test]
fn what_is_damaged_is_refused() {
    refused_entry(Zipped { crc: Some(1), ..entry("x", "1") }, Reason::Corrupt, "a wrong checksum");
    refused_entry(Zipped { body: Some(b"\xff\xff\xff".to_vec()), ..entry("x", "1") }, Reason::Corrupt, "no deflate");
    refused_entry(Zipped { size: Some(2), ..entry("x", "1") }, Reason::Corrupt, "larger than it is");
    refused_entry(Zipped { size: Some(1), ..entry("x", "123") }, Reason::Corrupt, "smaller than it is");
    let more = [deflated(b"1"), b"hidden".to_vec()].concat();
    refused_entry(Zipped { body: Some(more), ..entry("x", "1") }, Reason::Corrupt, "bytes behind the packed ones");
    refused_tarred(&[Tarred { wrong_sum: true, ..tarred("x", "1") }], Reason::Corrupt, "a wrong sum");
    refused_tarred(&[of_kind(b'x', "x", "12 path"), tarred("x", "1")], Reason::Corrupt, "a broken extended head");
    refused_tarred(&[of_kind(b'x', "x", "3 x"), tarred("x", "1")], Reason::Corrupt, "a record without a key");
    refused_tarred(&[Tarred { filling: 1, ..tarred("x", "1") }], Reason::Layout, "bytes in the filling");
    refused_tarred(&[of_kind(b'5', "x/", "1")], Reason::Mismatch, "a folder with contents");

    let whole = tar(&[tarred("a", "b")]);
    refused(&gzip(&whole[..whole.len() - 512]), Reason::Truncated, "a tar with half of its end");
    refused(&gzip(&whole[..700]), Reason::Truncated, "a tar cut off in a file");
    refused(&gzip(b""), Reason::Truncated, "an empty tar");
    refused(&gzip(&[&whole[..], b"hidden"].concat()), Reason::Layout, "bytes behind a tar");
    refused(&gzip(&tar(&[])), Reason::Empty, "a tar without entries");
    refused(&gzip(&tar(&[tarred("a", "b"), of_kind(b'L', "l", "name\0")])), Reason::Truncated, "a name without its entry");
    let packed = gzip(&whole);
    refused(&packed[..packed.len() - 4], Reason::Truncated, "a gzip cut off");
    refused(&[&packed[..], &packed[..]].concat(), Reason::Layout, "two members");
    refused(&[&packed[..], b"x"].concat(), Reason::Layout, "a byte behind a gzip");
    let mut wrong = packed.clone();
    let sum = wrong.len() - 6;
    wrong[sum] ^= 1;
    refused(&wrong, Reason::Corrupt, "a wrong checksum of a gzip");
    let archive = zip(&[entry("a", "b")]);
    for length in 4..archive.len() {
        assert!(read(&archive[..length]).is_err(), "{length} bytes of a zip");
    }
}
