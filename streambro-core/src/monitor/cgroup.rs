//! What control groups leave a process of the machine's memory and processors. Pure: text in, values out.
//!
//! A limit of any ancestor holds, so the tightest one counts. Version 1 has a tree for each controller, version 2 one
//! for all; a machine may have both at once.

use std::path::{Component, Path, PathBuf};

use super::text;

/// A limit from here on is how version 1 says "none": 2^63 rounded down to a page.
const UNLIMITED: u64 = 1 << 60;

/// Which kind of files describe a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The folders of a process's group and its ancestors for one controller, the innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) version: Version,
    pub(super) folders: Vec<PathBuf>,
}

/// Finds the groups of a process from `/proc/self/cgroup` and `/proc/self/mountinfo`.
pub(super) fn place(groups: &str, mounts: &str, controller: &str) -> Option<Place> {
    let mine = |version| {
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let named = match version {
                Version::One => controllers.split(',').any(|name| name == controller),
                Version::Two => controllers.is_empty(),
            };
            named.then_some(path)
        })
    };
    [Version::One, Version::Two].into_iter().find_map(|version| {
        let path = Path::new(mine(version)?);
        let trees: Vec<_> =
            mounts.lines().filter_map(|line| Tree::parse(line, version, controller)).collect();
        // A container sees its group as the root of the mount, but may see its path from outside.
        let (tree, below) = trees
            .iter()
            .find_map(|tree| Some((tree, path.strip_prefix(&tree.root).ok()?)))
            .or_else(|| Some((trees.first()?, Path::new(""))))?;
        // `..` is a group outside what this process is shown.
        let below = if below.components().all(|part| matches!(part, Component::Normal(_))) {
            below
        } else {
            Path::new("")
        };
        let folders = below.ancestors().map(|below| tree.folder(below)).collect();
        Some(Place { version, folders })
    })
}

/// One mount of a tree of groups.
struct Tree {
    /// Which group is at its top.
    root: PathBuf,
    /// Where it is.
    at: PathBuf,
}

impl Tree {
    fn folder(&self, below: &Path) -> PathBuf {
        if below == Path::new("") { self.at.clone() } else { self.at.join(below) }
    }

    /// Reads a line of mountinfo (proc(5)): `31 23 0:28 /root /mount/point rw - type source options`.
    fn parse(line: &str, version: Version, controller: &str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let (kind, options) = (kind.next()?, kind.nth(1).unwrap_or(""));
        let fits = match version {
            Version::One => kind == "cgroup" && options.split(',').any(|option| option == controller),
            Version::Two => kind == "cgroup2",
        };
        let mut place = place.split(' ').skip(3);
        let (root, at) = (place.next()?, place.next()?);
        let absolute = root.starts_with('/') && at.starts_with('/');
        (fits && absolute).then(|| Self { root: unescape(root).into(), at: unescape(at).into() })
    }
}

/// Spaces, tabs, line ends and backslashes stand as octal numbers in mountinfo.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (octal, plain)| text.replace(octal, plain))
}

/// What a group's files say of its memory. A file that cannot be read is empty text.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryFiles {
    /// `memory.max` or `memory.limit_in_bytes`.
    pub(super) limit: String,
    /// `memory.high`, above which the kernel slows a group down; version 2 only.
    pub(super) high: String,
    /// `memory.current` or `memory.usage_in_bytes`.
    pub(super) used: String,
    /// `memory.stat`.
    pub(super) stat: String,
}

/// What a group may hold, and what of it is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) limit: u64,
    pub(super) available: u64,
}

/// The tightest of the groups' limits, and the least that one of them has left; `None` without any limit.
///
/// File pages that nobody has used for long count as free: the kernel drops them when memory is asked for.
pub(super) fn memory(groups: &[MemoryFiles]) -> Option<Memory> {
    let limits = groups.iter().filter_map(|files| {
        let limit = [&files.limit, &files.high].into_iter().filter_map(|text| number(text)).min()?;
        if limit >= UNLIMITED {
            return None;
        }
        let idle = text::count(&files.stat, "total_inactive_file")
            .or_else(|| text::count(&files.stat, "inactive_file"))
            .unwrap_or(0);
        let used = number(&files.used).unwrap_or(0).saturating_sub(idle);
        Some(Memory { limit, available: limit.saturating_sub(used) })
    });
    limits.reduce(|a, b| Memory { limit: a.limit.min(b.limit), available: a.available.min(b.available) })
}

/// How many processors' time a group may use; `None` without a limit. Takes `cpu.max`, or quota and period of version 1.
pub(super) fn cpus(quota: &str, period: &str) -> Option<f64> {
    let (quota, period) = match quota.trim().split_once(' ') {
        Some((quota, period)) => (number(quota)?, number(period)?),
        None => (number(quota)?, number(period)?),
    };
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// A plain number; `max` and `-1` are none.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
#[path = "cgroup/tests.rs"]
mod tests;
