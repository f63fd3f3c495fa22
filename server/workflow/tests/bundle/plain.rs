//! Archives that people make are read, whatever they packed them with, and what is packed here reads back the same.

use workflow::bundle::{Files, MAX_ENTRIES, Reason, pack, read};

use crate::making::{Tarred, Zipped, entry, noise, of_kind, record, tar_gz, tarred, zip};

fn files(pairs: &[(&str, &[u8])]) -> Files {
    Files::collect(pairs.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec()))).unwrap()
}

#[test]
fn a_zip_with_files_in_folders_is_read() {
    let folder = |name: &str| Zipped { stored: true, external: 0o40_755 << 16 | 0x10, ..entry(name, "") };
    let archive = zip(&[
        entry("workflow.md", "---\n"),
        folder("prompts/"),
        Zipped { stored: true, external: 0o100_644 << 16, ..entry("prompts/größe.md", "wie viel?") },
        Zipped { streamed: true, external: 0o100_755 << 16, ..entry("tools/lint", "#!/bin/sh\n".repeat(20)) },
        // Times and owners, as Info-ZIP writes them.
        Zipped { extra: b"UT\x05\0\x01\0\0\0\0ux\x0b\0\x01\x04\0\0\0\0\x04\0\0\0\0".to_vec(), flags: 0, ..entry("empty.txt", "") },
    ]);
    let read = read(&archive).unwrap();
    assert_eq!(read.paths().collect::<Vec<_>>(), ["empty.txt", "prompts/größe.md", "tools/lint", "workflow.md"]);
    assert_eq!(read.get("prompts/größe.md"), Some("wie viel?".as_bytes()));
    assert_eq!(read.get("tools/lint").unwrap().len(), 200);
    assert_eq!(read.get("empty.txt"), Some(&b""[..]));
}

#[test]
fn a_tar_in_each_dialect_is_read() {
    let long = format!("{}/{}.md", "folder".repeat(15), "name".repeat(15));
    let gnu = |entry: Tarred| Tarred { magic: *b"ustar  \0", ..entry };
    let archive = tar_gz(&[
        of_kind(b'g', "pax_global_header", record("comment", "0123456789abcdef")),
        of_kind(b'5', "./", ""),
        tarred("./workflow.md", "---\n"),
        of_kind(b'5', "./prompts/", ""),
        Tarred { prefix: b"./prompts".to_vec(), ..tarred("a.md", "a") },
        of_kind(b'x', "x", [record("mtime", "1.5"), record("path", "prompts/größe.md"), record("LIBARCHIVE.xattr.x", b"\0")].concat()),
        tarred("prompts/gr__e.md", "b"),
        gnu(of_kind(b'L', "././@LongLink", format!("{long}\0"))),
        gnu(tarred(&long.as_bytes()[..100], "c")),
        of_kind(0, "old", noise(513)),
    ]);
    let read = read(&archive).unwrap();
    let mut expected = vec!["old", "prompts/a.md", "prompts/größe.md", "workflow.md", long.as_str()];
    expected.sort_unstable();
    assert_eq!(read.paths().collect::<Vec<_>>(), expected);
    assert_eq!(read.get("old"), Some(&noise(513)[..]));
    assert_eq!(read.get(&long), Some(&b"c"[..]));
}

#[test]
fn an_archive_of_a_folder_is_read_from_inside() {
    for archive in [
        zip(&[entry("flow/", ""), entry("flow/workflow.md", "x"), entry("flow/a/b", "y")]),
        tar_gz(&[of_kind(b'5', "flow/", ""), tarred("flow/workflow.md", "x"), tarred("flow/a/b", "y")]),
    ] {
        assert_eq!(read(&archive).unwrap(), files(&[("workflow.md", b"x"), ("a/b", b"y")]));
    }
    let two = zip(&[entry("flow/workflow.md", "x"), entry("other/x", "y")]);
    assert_eq!(read(&two).unwrap().paths().collect::<Vec<_>>(), ["flow/workflow.md", "other/x"]);
}

#[test]
fn an_archive_inside_is_a_file_like_any_other() {
    let bomb = zip(&[Zipped { size: Some(u32::MAX), ..entry("../x", "y") }]);
    let read = read(&zip(&[entry("workflow.md", "x"), entry("nested.zip", &bomb)])).unwrap();
    assert_eq!(read.get("nested.zip"), Some(&bomb[..]));
}

#[test]
fn what_is_packed_reads_back_the_same_and_has_the_same_bytes_each_time() {
    let (noise, zeros) = (noise(100_000), vec![0; 500_000]);
    let all = files(&[("workflow.md", b"---\n"), ("a/zeros", &zeros), ("a/noise", &noise), ("b/ü", b""), ("c", &[b'x'; 300])]);
    let archive = pack(&all);
    assert_eq!(read(&archive).unwrap(), all);
    assert_eq!(pack(&all), archive);
}

#[test]
fn the_hash_covers_paths_and_contents() {
    let one = files(&[("a", b"1"), ("b", b"2")]);
    assert_eq!(one.hash(), files(&[("b", b"2"), ("a", b"1")]).hash());
    for other in
        [files(&[("a", b"2"), ("b", b"1")]), files(&[("a", b"1")]), files(&[("a", b"1"), ("c", b"2")]), files(&[("a", b"12"), ("b", b"")])]
    {
        assert_ne!(one.hash(), other.hash());
    }
}

#[test]
fn files_of_a_folder_keep_to_the_same_limits() {
    let collect =
        |paths: &[&str]| Files::collect(paths.iter().map(|path| ((*path).to_owned(), Vec::new()))).map_err(|refusal| refusal.reason);
    assert_eq!(collect(&["../x"]), Err(Reason::Escape));
    assert_eq!(collect(&["a", "A"]), Err(Reason::Collision));
    assert_eq!(collect(&[]), Err(Reason::Empty));
    let many = (0..=MAX_ENTRIES).map(|number| (format!("f{number}"), Vec::new()));
    assert_eq!(Files::collect(many).unwrap_err().reason, Reason::TooManyEntries);
    let large = (0..11).map(|number| (format!("f{number}"), vec![0; 5 << 20]));
    assert_eq!(Files::collect(large).unwrap_err().reason, Reason::TooLarge);
}
