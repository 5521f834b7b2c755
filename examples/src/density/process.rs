//! What the kernel says of this process. Figures that it does not tell are 0.

use std::{fs, time::Duration};

use serde::Serialize;

/// A moment of a process. Differences of two moments are rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moment {
    /// Processor time so far, user and system, in seconds.
    pub cpu_seconds: f64,
    /// Anonymous memory in bytes.
    pub anonymous: u64,
    /// Resident memory in bytes, mapped files included.
    pub resident: u64,
    /// Context switches so far.
    pub switches: u64,
    /// Calls of the read and write families so far; other calls are not counted by the kernel.
    pub reads_and_writes: u64,
}

impl Moment {
    /// This process, now.
    #[must_use]
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let mut switches = 0;
        for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            switches +=
                number(&status, "voluntary_ctxt_switches:") + number(&status, "nonvoluntary_ctxt_switches:");
        }
        Self {
            // USER_HZ is 100 on every Linux that Rust runs on.
            cpu_seconds: (ticks(11) + ticks(12)) / 100.0,
            anonymous: number(&status, "RssAnon:") * 1_024,
            resident: number(&status, "VmRSS:") * 1_024,
            switches,
            reads_and_writes: number(&io, "syscr:") + number(&io, "syscw:"),
        }
    }
}

/// Waits until start-up has passed, and returns the moment.
pub async fn settle() -> Moment {
    tokio::time::sleep(Duration::from_secs(4)).await;
    Moment::now()
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_moment_of_this_process_has_figures() {
        let before = Moment::now();
        let mut waste = vec![1_u8; 32 << 20];
        waste.iter_mut().for_each(|byte| *byte = byte.wrapping_mul(3));
        let after = Moment::now();
        assert!(after.anonymous > before.anonymous + (30 << 20), "{before:?} {after:?}");
        assert!(after.cpu_seconds >= before.cpu_seconds && after.resident > after.anonymous);
        drop(waste);
    }

    #[test]
    fn names_are_found_at_the_start_of_a_line() {
        let text = "x_voluntary: 9\nvoluntary: 5\n";
        assert_eq!(number(text, "voluntary:"), 5);
        assert_eq!(number(text, "missing:"), 0);
    }
}
