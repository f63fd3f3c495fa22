//! Archives with bytes changed anywhere: never a panic, never more than the limits, never a path that leads out, and what is given
//! out can be packed and read again.

use proptest::prelude::*;
use workflow::bundle::{Files, MAX_ENTRIES, MAX_UNPACKED, pack, read};

use crate::making::{Zipped, entry, gzip, of_kind, record, tar, tarred, zip};

fn sound(files: &Files) {
    assert!((1..=MAX_ENTRIES).contains(&files.len()) && files.bytes() <= MAX_UNPACKED);
    for path in files.paths() {
        let parts: Vec<&str> = path.split('/').collect();
        assert!(parts.iter().all(|part| !part.is_empty() && *part != "." && *part != ".."), "{path:?}");
        assert!(!path.contains(['\\', '\0', ':']) && !path.chars().any(char::is_control), "{path:?}");
    }
    let copied = files.iter().map(|(path, content)| (path.to_owned(), content.to_vec()));
    assert_eq!(&Files::collect(copied).unwrap(), files);
}

fn valid_zip() -> Vec<u8> {
    zip(&[
        entry("workflow.md", "---\nworkflow: {id: a, name: A}\n---\n".repeat(3)),
        entry("prompts/", ""),
        Zipped { stored: true, ..entry("prompts/größe.md", "wie viel?") },
        Zipped { streamed: true, external: 0o100_644 << 16, ..entry("tools/lint", "#!/bin/sh\n".repeat(20)) },
    ])
}

fn valid_tar() -> Vec<u8> {
    tar(&[
        of_kind(b'5', "./prompts/", ""),
        tarred("./workflow.md", "---\nworkflow: {id: a, name: A}\n---\n"),
        of_kind(b'x', "x", record("path", "prompts/größe.md")),
        tarred("y", "wie viel?"),
        of_kind(b'L', "././@LongLink", format!("{}\0", "a/bcdefgh".repeat(14))),
        tarred("z", [7; 600]),
    ])
}

fn mutated(mut archive: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: Option<prop::sample::Index>) -> Vec<u8> {
    for (at, value) in changes {
        let at = at.index(archive.len());
        archive[at] = *value;
    }
    if let Some(cut) = cut {
        archive.truncate(cut.index(archive.len()));
    }
    archive
}

/// Bytes that steer: separators, dots, sizes and kinds among others.
fn value() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"/.\\:\0 012567LKxgS\x08\x01\xff".to_vec())]
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), value()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_zip_is_sound_or_refused(changes in changes(), cut in prop::option::weighted(0.1, any::<prop::sample::Index>())) {
        if let Ok(files) = read(&mutated(valid_zip(), &changes, cut)) {
            sound(&files);
        }
    }

    #[test]
    fn a_changed_tar_is_sound_or_refused(changes in changes(), cut in prop::option::weighted(0.1, any::<prop::sample::Index>())) {
        // The checksums of the heads are made right again, else nothing but they would be tried.
        let mut tar = mutated(valid_tar(), &changes, cut);
        for head in tar.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
            head[148..156].copy_from_slice(b"        ");
            let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
            head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        if let Ok(files) = read(&gzip(&tar)) {
            sound(&files);
        }
    }

    #[test]
    fn a_changed_gzip_is_sound_or_refused(changes in changes()) {
        if let Ok(files) = read(&mutated(gzip(&valid_tar()), &changes, None)) {
            sound(&files);
        }
    }

    #[test]
    fn any_bytes_that_begin_like_an_archive_are_sound_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), zip in any::<bool>()) {
        let start: &[u8] = if zip { b"PK\x03\x04" } else { b"\x1f\x8b\x08\0\0\0\0\0\0\x03" };
        if let Ok(files) = read(&[start, &bytes].concat()) {
            sound(&files);
        }
    }

    #[test]
    fn whatever_is_packed_reads_back_the_same(
        files in prop::collection::btree_map("[a-zß-ö]{1,8}(/[a-z0-9]{1,8}){0,3}\\.[a-z]{1,3}", prop::collection::vec(any::<u8>(), 0..300), 1..12)
    ) {
        if let Ok(files) = Files::collect(files) {
            // A path below a single folder would be read from inside it.
            let all = files.iter().map(|(path, content)| (path.to_owned(), content.to_vec())).chain([("workflow.md".to_owned(), Vec::new())]);
            if let Ok(all) = Files::collect(all) {
                prop_assert_eq!(read(&pack(&all)).unwrap(), all);
            }
        }
    }
}
