//! Numbers out of what /proc says. Pure: text in, values out; what makes no sense is not there.

/// The value of a line such as `VmRSS:  1708 kB`, in bytes.
pub(super) fn kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| kib_of(line, key))
}

/// The sum of all lines with this key, in bytes: `smaps` has one for each mapping, `smaps_rollup` one in all.
pub(super) fn kib_sum(text: &str, key: &str) -> Option<u64> {
    let values = text.lines().filter_map(|line| kib_of(line, key));
    values.fold(None, |sum, value| Some(sum.unwrap_or(0_u64).saturating_add(value)))
}

fn kib_of(line: &str, key: &str) -> Option<u64> {
    let value = line.strip_prefix(key)?.strip_prefix(':')?.trim().strip_suffix("kB")?;
    value.trim_end().parse::<u64>().ok()?.checked_mul(1_024)
}

/// The value of a line such as `total_inactive_file 28672`.
pub(super) fn count(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// How many processors the `Cpus_allowed_list` of a status names.
pub(super) fn listed_cpus(text: &str) -> Option<u32> {
    cpus_of(text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
}

/// How many processors a list such as `0-1,4` names.
pub(super) fn cpus_of(list: &str) -> Option<u32> {
    list.trim().split(',').try_fold(0_u32, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        sum.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// User and system time of `/proc/PID/stat`, in clock ticks, children excluded.
pub(super) fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, more parentheses included.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Linux 6.18, shortened.
    const STATUS: &str = "Name:\tcat\nVmHWM:\t    1708 kB\nVmRSS:\t    1708 kB\nRssAnon:\t     112 kB\n\
        Threads:\t1\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n";
    const ROLLUP: &str = "5565e0c80000-7ffcd1255000 ---p 00000000 00:00 0                          [rollup]\n\
        Rss:                1616 kB\nPss:                 293 kB\nPss_Dirty:           112 kB\n\
        Pss_Anon:            112 kB\n";
    const SMAPS: &str = "5565e0c80000-5565e0c82000 r--p 00000000 fd:00 265 /usr/bin/cat\nSize: 8 kB\n\
        Rss:                   8 kB\nPss:                   4 kB\n\
        5565e0c82000-5565e0c87000 r-xp 00002000 fd:00 265 /usr/bin/cat\nPss:                  10 kB\n";

    #[test]
    fn the_kernels_tables_are_read_in_bytes() {
        assert_eq!(kib(STATUS, "VmRSS"), Some(1_708 * 1_024));
        assert_eq!(kib(STATUS, "RssAnon"), Some(112 * 1_024));
        assert_eq!(kib_sum(ROLLUP, "Pss"), Some(293 * 1_024));
        assert_eq!(kib_sum(SMAPS, "Pss"), Some(14 * 1_024));
        assert_eq!(kib_sum(STATUS, "Pss"), None);
        assert_eq!(
            count("inactive_file 1\ntotal_inactive_file 28672\n", "total_inactive_file"),
            Some(28_672)
        );
    }

    #[test]
    fn processors_are_counted_from_their_list() {
        assert_eq!(listed_cpus(STATUS), Some(2));
        let list = |list| listed_cpus(&format!("Cpus_allowed_list:\t{list}\n"));
        assert_eq!(list("0,2,4-7"), Some(6));
        for garbled in ["", "7-4", "a", "0-", "0-4294967295", "-1", "0,,1"] {
            assert_eq!(list(garbled), None, "{garbled}");
        }
    }

    #[test]
    fn a_process_may_have_any_name() {
        let stat = |name: &str| {
            format!("14612 ({name}) R 14594 14612 4187 0 -1 4194304 104 0 0 0 17 25 3 4 20 0 1 0 87 3133440")
        };
        for name in ["ffmpeg", "a) R 1 2 3 (b", "", ") ) )", "tab\tand\nline"] {
            assert_eq!(cpu_ticks(&stat(name)), Some(42), "{name}");
        }
        assert_eq!(cpu_ticks("1 (cut) R 1 2"), None);
        assert_eq!(cpu_ticks(&stat("x").replace(" 17 25 ", " -1 25 ")), None);
    }

    #[test]
    fn a_number_too_large_is_no_number() {
        assert_eq!(kib("VmRSS:\t18446744073709551615 kB\n", "VmRSS"), None);
        assert_eq!(kib("VmRSS:\t99999999999999999999999 kB\n", "VmRSS"), None);
        assert_eq!(kib("VmRSS:\t-1 kB\nVmRSS: 1\n", "VmRSS"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\PC\\n\\t]{0,200}", tail in "(Pss: *[0-9]{0,25} kB\\n){0,3}") {
            let text = text + &tail;
            let _ = (kib(&text, "Pss"), kib_sum(&text, "Pss"), count(&text, "a"));
            let _ = (listed_cpus(&text), cpu_ticks(&text));
        }
    }
}
