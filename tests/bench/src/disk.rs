//! What the disk under the temporary folder can do: the limit of everything durable.

use std::{fs::OpenOptions, io::Write as _, time::Instant};

/// Appends of 4 KiB with an fsync each, for two seconds.
pub fn fsyncs_a_second() -> f64 {
    let path = std::env::temp_dir().join(format!("mandate-bench-{}", std::process::id()));
    let mut file = OpenOptions::new().create_new(true).append(true).open(&path).expect("a temporary file");
    let (block, start) = ([7_u8; 4096], Instant::now());
    let mut count = 0_u32;
    while start.elapsed().as_secs_f64() < 2.0 {
        file.write_all(&block).and_then(|()| file.sync_data()).expect("a disk that can be written");
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    drop(std::fs::remove_file(path));
    rate
}
