//! Whether a host can carry what is asked of it, and what to do where it cannot.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;
use tokio::{sync::oneshot, time::timeout};

use super::{builder::Builder, ffmpeg, verbs::StreamManager};
use crate::{
    clock,
    monitor::{Host, Root},
    status::Severity,
};

/// How long a look at the host may take: a mount that does not answer must not hold up its diagnosis.
const BOUND: Duration = Duration::from_secs(10);

/// Descriptors beside those of streams: the runtime, the host's own files, disks, resolvers.
const SPARE_DESCRIPTORS: u64 = 64;
/// A connection, and a file that may be its own.
const DESCRIPTORS_PER_STREAM: u64 = 2;
/// Kernel memory of one connection whose peer stops reading: what is unsent is bounded at 64 KB, what is sent and not
/// acknowledged comes beside it.
const SOCKET_BYTES: u64 = 192 * 1_024;
/// The send buffer that 9 Mb/s (the most that platforms take) over 250 ms needs.
const SEND_BUFFER: u64 = 9_000_000 / 8 / 4;
/// A clock before this is wrong, for this code is younger: 1 July 2026.
const WRITTEN_UNIX_MS: u64 = 1_782_864_000_000;
/// A clock 30 years after that is as wrong.
const TOO_LATE_UNIX_MS: u64 = WRITTEN_UNIX_MS + 30 * 31_557_600_000;

/// What was looked at, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Diagnosis {
    /// One entry for each check, in a fixed order.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// The worst of the checks.
    pub fn worst(&self) -> Severity {
        self.checks.iter().map(|check| check.severity).max().unwrap_or(Severity::Fine)
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Check {
    /// Its stable name: `descriptors`, `tcp_memory`, `tcp_buffer`, `tcp_idle`, `roots`, `clock`, `ffmpeg`, `media_root`; `host`
    /// alone when nothing could be looked at.
    pub name: &'static str,
    /// How it is.
    pub severity: Severity,
    /// What was seen, in words.
    pub what: String,
    /// What to do; empty where there is nothing to do.
    pub remedy: String,
}

/// What is asked of the host.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Streams at once; `None` is unlimited.
    pub(super) streams: Option<usize>,
    pub(super) media_root: Option<PathBuf>,
}

impl Builder {
    /// Looks whether this host can carry what these settings ask, without building anything.
    ///
    /// Takes well under a second on a healthy host and never over 10 s; reads small files of the system, the trust
    /// store and the media root's list, and asks an `ffmpeg` on the path for its version. Works on a thread of its own.
    /// Changes nothing.
    pub async fn doctor(&self) -> Diagnosis {
        examine(self.wanted()).await
    }
}

impl StreamManager {
    /// Looks whether this host can carry what the manager was built for: see [`Builder::doctor`].
    pub async fn doctor(&self) -> Diagnosis {
        examine(self.0.wanted.clone()).await
    }
}

async fn examine(wanted: Wanted) -> Diagnosis {
    let (reply, answer) = oneshot::channel();
    let work = move || {
        // Who asked may have gone.
        let _ = reply.send(checks(&wanted, &Root::default()));
    };
    let checks = match std::thread::Builder::new().name("streambro-doctor".to_owned()).spawn(work) {
        Ok(_) => timeout(BOUND, answer).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    let checks = checks.unwrap_or_else(|| {
        let what = format!("the host could not be looked at within {} s", BOUND.as_secs());
        let remedy = "look for a mount that does not answer, and for a limit of threads";
        vec![check("host", Severity::Error, what, remedy)]
    });
    Diagnosis { checks }
}

fn checks(wanted: &Wanted, root: &Root) -> Vec<Check> {
    let host = Host::sample_at(root);
    let read = |name: &str| root.text(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
    let mut checks = vec![descriptors(wanted.streams, &host)];
    checks.extend(tcp_memory(wanted.streams, &read("tcp_mem"), rustix::param::page_size() as u64));
    checks.extend(tcp_buffer(&read("tcp_wmem")));
    checks.extend(tcp_idle(&read("tcp_slow_start_after_idle")));
    checks.extend([roots(), clock_is(clock::unix_ms()), ffmpeg::look()]);
    checks.extend(wanted.media_root.clone().map(media_root));
    checks
}

pub(super) fn check(
    name: &'static str,
    severity: Severity,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Check {
    Check { name, severity, what: what.into(), remedy: remedy.into() }
}

fn descriptors(streams: Option<usize>, host: &Host) -> Check {
    const NAME: &str = "descriptors";
    let Some(soft) = host.descriptors else {
        return check(NAME, Severity::Fine, "open files are not limited", "");
    };
    let Some(streams) = streams.map(|streams| streams as u64) else {
        let carries = soft.saturating_sub(SPARE_DESCRIPTORS) / DESCRIPTORS_PER_STREAM;
        let what =
            format!("{soft} open files are enough for about {carries} streams; the manager sets no limit");
        return check(NAME, Severity::Note, what, "set `max_streams` to what the host can carry");
    };
    let needed = streams.saturating_mul(DESCRIPTORS_PER_STREAM).saturating_add(SPARE_DESCRIPTORS);
    let what = format!("{streams} streams need up to {needed} open files; the limit is {soft}");
    if soft >= needed {
        return check(NAME, Severity::Fine, what, "");
    }
    let raise = format!("`LimitNOFILE={needed}` in a systemd unit, or `ulimit -n {needed}` before the start");
    let remedy = match host.descriptors_hard {
        Some(hard) if hard < needed => {
            format!(
                "raise it with {raise}; the hard limit is {hard}, so the administrator must raise that too"
            )
        }
        _ => format!("raise it with {raise}"),
    };
    check(NAME, Severity::Error, what, remedy)
}

/// `tcp_mem` is three numbers of pages: from the second on the kernel presses on every connection.
fn tcp_memory(streams: Option<usize>, tcp_mem: &str, page: u64) -> Option<Check> {
    const NAME: &str = "tcp_memory";
    let pages = tcp_mem.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?;
    let pressure = pages.saturating_mul(page);
    let carries = pressure / SOCKET_BYTES;
    let what = format!(
        "the kernel gives all connections together {} MB, enough for {carries} whose peers stop reading",
        pressure / 1_000_000
    );
    match streams.map(|streams| streams as u64).filter(|streams| *streams > carries) {
        None => Some(check(NAME, Severity::Fine, what, "")),
        Some(streams) => {
            let pages = streams.saturating_mul(SOCKET_BYTES) / page.max(1);
            let (low, high) = (pages / 4 * 3, pages.saturating_mul(2));
            let remedy = format!("sysctl -w net.ipv4.tcp_mem=\"{low} {pages} {high}\", or run fewer streams");
            Some(check(NAME, Severity::Warning, what, remedy))
        }
    }
}

/// `tcp_wmem` is the least, the first and the largest send buffer, in bytes.
fn tcp_buffer(tcp_wmem: &str) -> Option<Check> {
    const NAME: &str = "tcp_buffer";
    let largest = tcp_wmem.split_ascii_whitespace().nth(2)?.parse::<u64>().ok()?;
    let what = format!("a connection's send buffer may grow to {} KB", largest / 1_000);
    if largest >= SEND_BUFFER {
        return Some(check(NAME, Severity::Fine, what, ""));
    }
    let remedy = "servers far away will make streams lag: sysctl -w net.ipv4.tcp_wmem=\"4096 16384 4194304\"";
    Some(check(NAME, Severity::Warning, what, remedy))
}

fn tcp_idle(slow_start: &str) -> Option<Check> {
    const NAME: &str = "tcp_idle";
    match slow_start.trim() {
        "0" => Some(check(NAME, Severity::Fine, "a connection that paused goes on at its old speed", "")),
        "1" => {
            let what =
                "a connection that paused begins slowly again; streams send every 100 ms, so few are hit";
            let remedy = "for long ways with many losses: sysctl -w net.ipv4.tcp_slow_start_after_idle=0";
            Some(check(NAME, Severity::Note, what, remedy))
        }
        _ => None,
    }
}

#[cfg(feature = "tls")]
fn roots() -> Check {
    match crate::publish::platform_roots() {
        Ok(()) => check("roots", Severity::Fine, "the system's trusted roots can be read", ""),
        Err(error) => {
            let what = format!("the system's trusted roots cannot be read, so RTMPS fails: {error}");
            check(
                "roots",
                Severity::Error,
                what,
                "install the package ca-certificates, or give destinations `roots` to trust",
            )
        }
    }
}

#[cfg(not(feature = "tls"))]
fn roots() -> Check {
    check("roots", Severity::Note, "this build has no RTMPS", "build with the feature `tls`")
}

fn clock_is(unix_ms: u64) -> Check {
    const NAME: &str = "clock";
    let year = 1970 + unix_ms / 31_557_600_000;
    let what = format!("the clock says that it is {year}");
    if (WRITTEN_UNIX_MS..TOO_LATE_UNIX_MS).contains(&unix_ms) {
        return check(NAME, Severity::Fine, what, "");
    }
    let remedy =
        "set the clock (timedatectl set-ntp true): certificates cannot be checked and schedules are wrong";
    check(NAME, Severity::Error, what, remedy)
}

fn media_root(root: PathBuf) -> Check {
    const NAME: &str = "media_root";
    let name = root.display().to_string();
    match std::fs::read_dir(root).and_then(|mut entries| entries.next().transpose()) {
        Ok(Some(_)) => check(NAME, Severity::Fine, format!("{name} can be read"), ""),
        Ok(None) => check(NAME, Severity::Note, format!("{name} is empty"), "put media there, or mount it"),
        Err(error) => {
            let remedy = "name a folder that exists and that this user may read";
            check(NAME, Severity::Error, format!("{name} cannot be read: {error}"), remedy)
        }
    }
}

#[cfg(test)]
#[path = "doctor/tests.rs"]
mod tests;
