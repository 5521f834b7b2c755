//! Samples of real machines, and what is not a sample of anything.

use proptest::prelude::*;

use super::*;

fn folders(place: &Place) -> Vec<&str> {
    place.folders.iter().map(|folder| folder.to_str().unwrap()).collect()
}

#[test]
fn a_machine_with_both_versions_takes_each_controller_where_it_is() {
    // Debian 12 on Linux 6.18 in a small virtual machine: controllers in version 1, an empty version 2 beside them.
    let groups = "9:name=systemd:/\n8:pids:/\n4:memory:/process_api/3df75618\n2:cpuacct:/\n1:cpu:/\n0::/\n";
    let mounts = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    let memory = place(groups, mounts, "memory").unwrap();
    assert_eq!(memory.version, Version::One);
    assert_eq!(
        folders(&memory),
        [
            "/sys/fs/cgroup/memory/process_api/3df75618",
            "/sys/fs/cgroup/memory/process_api",
            "/sys/fs/cgroup/memory"
        ]
    );
    assert_eq!(folders(&place(groups, mounts, "cpu").unwrap()), ["/sys/fs/cgroup/cpu"]);
    // A controller that version 1 does not have is looked for in version 2.
    assert_eq!(folders(&place(groups, mounts, "io").unwrap()), ["/sys/fs/cgroup/unified"]);
}

#[test]
fn a_container_with_version_1_sees_its_path_from_outside() {
    let id = "f1e2d3c4b5a6978812345678901234567890123456789012345678901234abcd";
    let groups =
        format!("11:cpu,cpuacct:/docker/{id}\n5:memory:/docker/{id}\n0::/system.slice/containerd.service\n");
    let mounts = format!(
        "1520 1519 0:33 /docker/{id} /sys/fs/cgroup/memory ro,nosuid master:17 - cgroup cgroup rw,memory\n\
         1521 1519 0:34 /docker/{id} /sys/fs/cgroup/cpu,cpuacct ro master:18 - cgroup cgroup rw,cpu,cpuacct\n"
    );
    assert_eq!(folders(&place(&groups, &mounts, "memory").unwrap()), ["/sys/fs/cgroup/memory"]);
    assert_eq!(folders(&place(&groups, &mounts, "cpu").unwrap()), ["/sys/fs/cgroup/cpu,cpuacct"]);
}

#[test]
fn a_container_with_version_2_is_the_root_of_what_it_sees() {
    let groups = "0::/\n";
    let mounts =
        "1178 1171 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate\n";
    let place = place(groups, mounts, "memory").unwrap();
    assert_eq!((place.version, folders(&place)), (Version::Two, vec!["/sys/fs/cgroup"]));
}

#[test]
fn a_service_is_bound_by_its_slice_too() {
    let groups = "0::/system.slice/media.slice/channels.service\n";
    let mounts =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n";
    let place = place(groups, mounts, "memory").unwrap();
    assert_eq!(
        folders(&place),
        [
            "/sys/fs/cgroup/system.slice/media.slice/channels.service",
            "/sys/fs/cgroup/system.slice/media.slice",
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup"
        ]
    );
}

#[test]
fn without_groups_there_is_no_place() {
    assert_eq!(place("", "", "memory"), None);
    assert_eq!(place("0::/\n", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "memory"), None);
    assert_eq!(place("4:memory:/\n", "", "memory"), None);
}

#[test]
fn a_path_that_leads_out_of_the_mount_ends_at_its_top() {
    let mounts = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    for path in ["/../../etc", "/a/../..", "/..", "relative", ""] {
        let place = place(&format!("0::{path}\n"), mounts, "memory").unwrap();
        assert_eq!(folders(&place), ["/sys/fs/cgroup"], "{path}");
    }
}

#[test]
fn a_mount_point_with_spaces_is_found() {
    let mounts = "30 23 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n";
    assert_eq!(folders(&place("0::/a\n", mounts, "cpu").unwrap()), ["/my groups/a", "/my groups"]);
}

fn files(limit: &str, used: &str, stat: &str) -> MemoryFiles {
    MemoryFiles { limit: limit.into(), used: used.into(), stat: stat.into(), ..MemoryFiles::default() }
}

#[test]
fn the_tightest_ancestor_counts_and_idle_file_pages_are_free() {
    let groups = [
        files("max\n", "104857600\n", "anon 1\ninactive_file 0\n"),
        files("1073741824\n", "805306368\n", "anon 1\ninactive_file 268435456\nactive_file 7\n"),
        files("4294967296\n", "4194304000\n", ""),
    ];
    let free = 4_294_967_296 - 4_194_304_000;
    assert_eq!(memory(&groups), Some(Memory { limit: 1_073_741_824, available: free }));
    assert_eq!(memory(&groups[..2]).unwrap().available, 1_073_741_824 - 805_306_368 + 268_435_456);
    assert_eq!(memory(&groups[..1]), None);
}

#[test]
fn a_group_that_is_slowed_down_above_a_mark_has_no_more_than_that() {
    let group = MemoryFiles { high: "500\n".into(), ..files("1000\n", "100\n", "") };
    assert_eq!(memory(&[group]), Some(Memory { limit: 500, available: 400 }));
}

#[test]
fn version_1_says_none_with_a_number() {
    assert_eq!(memory(&[files("9223372036854771712\n", "3389665280\n", "total_inactive_file 7\n")]), None);
    let limited = [files("536870912\n", "200\n", "inactive_file 10\ntotal_inactive_file 50\n")];
    assert_eq!(memory(&limited), Some(Memory { limit: 536_870_912, available: 536_870_912 - 150 }));
}

#[test]
fn a_group_over_its_limit_has_nothing_left() {
    assert_eq!(memory(&[files("100", "900", "")]), Some(Memory { limit: 100, available: 0 }));
}

#[test]
fn quotas_of_both_versions_are_read_in_processors() {
    assert_eq!(cpus("150000 100000\n", ""), Some(1.5));
    assert_eq!(cpus("max 100000\n", ""), None);
    assert_eq!(cpus("50000\n", "100000\n"), Some(0.5));
    assert_eq!(cpus("-1\n", "100000\n"), None);
    for garbled in ["", "0 100000", "5 0", "x y", "1 2 3", "-5 -5"] {
        assert_eq!(cpus(garbled, "0"), None, "{garbled}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_leave_the_mount(
        groups in "([0-9]{0,2}:(memory|cpu,memory|):[/a.]{0,12}\\n){0,3}\\PC{0,20}",
        mounts in "([0-9] [0-9] 0:1 [/a.]{0,6} /m(/b){0,3} rw - cgroup2? x rw(,memory)?\\n){0,3}\\PC{0,20}",
        numbers in "\\PC{0,20}",
    ) {
        if let Some(place) = place(&groups, &mounts, "memory") {
            for folder in &place.folders {
                prop_assert!(folder.starts_with("/m"), "{folder:?}");
                prop_assert!(folder.components().all(|part| part != Component::ParentDir), "{folder:?}");
            }
        }
        memory(&[files(&numbers, &numbers, &numbers)]);
        cpus(&numbers, &numbers);
    }
}
