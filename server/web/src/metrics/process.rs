//! What the system says of this process, under the names that clients of Prometheus use for it. From `/proc`, as on Linux
//! (proc_pid_stat(5)); elsewhere nothing is said.

use std::{
    fmt::{self, Write},
    fs,
};

/// Ticks a second of the times in `/proc`, the same on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Bytes of memory that are in use.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Seconds of processor time that were used. The name of the program stands in parentheses and may hold anything.
fn processor(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    // `state` is the third field, `utime` the fourteenth and `stime` the fifteenth.
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / TICKS)
}

/// Writes what can be known.
pub(super) fn encode(text: &mut String) -> fmt::Result {
    if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
        writeln!(text, "# HELP process_resident_memory_bytes Memory in use.")?;
        writeln!(text, "# TYPE process_resident_memory_bytes gauge\n# UNIT process_resident_memory_bytes bytes")?;
        writeln!(text, "process_resident_memory_bytes {bytes}")?;
    }
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(processor) {
        writeln!(text, "# HELP process_cpu_seconds Processor time used.")?;
        writeln!(text, "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds")?;
        writeln!(text, "process_cpu_seconds_total {seconds:.2}")?;
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        writeln!(text, "# HELP process_open_fds Open files and connections.\n# TYPE process_open_fds gauge")?;
        writeln!(text, "process_open_fds {}", open.count())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read_whatever_the_program_is_called() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12_288));
        assert_eq!(resident("Name:\tx\n"), None);
        let stat = "42 (man) date) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(processor(stat), Some(2.0));
        assert_eq!(processor("42"), None);
    }
}
