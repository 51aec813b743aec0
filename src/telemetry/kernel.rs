//! This program as the kernel sees it while it runs, by the names that Prometheus's own client libraries give it. Read from
//! `/proc`; where there is none, nothing is said.

use rustix::process::{Resource, getrlimit};
use std::fs;

/// Ticks of the processor times in `/proc/self/stat`: fixed for programs at 100 (proc(5), sysconf(3)).
const TICKS_PER_SECOND: f64 = 100.0;

/// What the kernel knows of us.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KernelFigures {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<f64>,
    pub virtual_bytes: Option<f64>,
    pub threads: Option<f64>,
    pub open_files: Option<f64>,
    pub open_files_max: Option<f64>,
    /// Seconds since 1970.
    pub started_at: Option<f64>,
}

impl KernelFigures {
    /// As of now.
    pub fn read() -> KernelFigures {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields = fields_of(&stat);
        // numbered as in proc(5), of which the first two are behind us
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let seconds = |ticks: f64| ticks / TICKS_PER_SECOND;
        KernelFigures {
            cpu_seconds: field(14).zip(field(15)).map(|(user, kernel)| seconds(user + kernel)),
            threads: field(20),
            started_at: field(22).map(seconds).zip(booted_at()).map(|(since, boot)| boot + since),
            virtual_bytes: field(23),
            resident_bytes: resident_bytes(),
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1) as f64),
            open_files_max: getrlimit(Resource::Nofile).current.map(|most| most as f64),
        }
    }
}

/// The fields from the third on: the second is the program's name, which may hold anything.
fn fields_of(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect())
}

/// The kernel says it in kibibytes there, and in pages elsewhere.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kibibytes| kibibytes * 1024.0)
}

fn booted_at() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_moves_no_field() {
        let fields = fields_of("17 (a) S 9 (b) R 1 2 3");
        assert_eq!(fields, ["R", "1", "2", "3"]);
        assert!(fields_of("").is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_tells_of_this_program() {
        let figures = KernelFigures::read();
        assert!(figures.resident_bytes.is_some_and(|bytes| bytes > 1e6), "{figures:?}");
        assert!(figures.virtual_bytes >= figures.resident_bytes, "{figures:?}");
        assert!(figures.threads.is_some_and(|threads| threads >= 1.0), "{figures:?}");
        assert!(
            figures
                .open_files
                .zip(figures.open_files_max)
                .is_some_and(|(open, most)| open >= 3.0 && open <= most)
        );
        let booted = booted_at().unwrap_or_default();
        assert!(figures.started_at.is_some_and(|started| started > booted && booted > 1e9), "{figures:?}");
        assert!(figures.cpu_seconds.is_some());
    }
}
