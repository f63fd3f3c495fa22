//! What files that are made to hurt cost until they are refused: time, and memory at its highest.

use std::{fs, time::Instant};

use workflow::parse::parse;

#[path = "../../../server/workflow/tests/parse/hostile/files.rs"]
mod files;

/// Resident memory in MiB: now (`VmRSS`), or at its highest since it was last forgotten (`VmHWM`).
fn resident_mib(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|found| found.starts_with(line)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Reads every file, and prints the costliest.
pub fn measure() {
    let files = files::files();
    let mut costs: Vec<(f64, f64, &str, &'static str)> = Vec::new();
    for (name, text) in &files {
        // 5 forgets the highest (Linux, proc_pid_clear_refs(5)).
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = resident_mib("VmRSS");
        let start = Instant::now();
        let parsed = parse(text);
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        let memory = resident_mib("VmHWM") - before;
        costs.push((milliseconds, memory, name, parsed.errors().next().map_or("NOT REFUSED", |error| error.code)));
    }
    let most = |cost: fn(&(f64, f64, &str, &str)) -> f64| costs.iter().map(cost).fold(0.0, f64::max);
    println!(
        "hostile files: {} refused, the slowest in {:.0} ms, the largest in {:.0} MiB",
        costs.iter().filter(|(.., code)| *code != "NOT REFUSED").count(),
        most(|cost| cost.0),
        most(|cost| cost.1)
    );
    costs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (milliseconds, memory, name, code) in costs.iter().take(8) {
        println!("  {milliseconds:6.1} ms {memory:5.1} MiB  {code:<20} {name}");
    }
}
