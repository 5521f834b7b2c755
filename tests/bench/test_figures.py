"""The benchmark's own arithmetic: python3 -m unittest discover tests/bench"""

import unittest
from xml.dom import minidom

from figures import checks, encode, maths, plot, tables


def row(section, name, streams, faults=(), **figures):
    return {"section": section, "name": name, "streams": streams, "figures": figures, "faults": list(faults)}


def merged(*rows):
    return maths.merge([list(rows)])


class Maths(unittest.TestCase):
    def test_a_median_keeps_the_values_of_each_run(self):
        runs = [[row("s", "n", 1, cpu=value)] for value in (3.0, 1.0, 2.0)]
        [found] = maths.merge(runs)
        self.assertEqual(found["figures"]["cpu"], {"median": 2.0, "values": [3.0, 1.0, 2.0]})

    def test_a_run_without_a_row_leaves_a_gap(self):
        [found] = maths.merge([[row("s", "n", 1, cpu=1.0)], [], [row("s", "n", 1, cpu=None)]])
        self.assertEqual(found["figures"]["cpu"], {"median": 1.0, "values": [1.0, None, None]})

    def test_faults_of_all_runs_are_kept(self):
        [found] = maths.merge([[row("s", "n", 1, ["a"])], [row("s", "n", 1, ["b"])]])
        self.assertEqual(found["faults"], ["a", "b"])

    def test_a_ratio_is_the_median_of_ratios_run_by_run(self):
        above, below = {"values": [10.0, 30.0, None]}, {"values": [1.0, 2.0, 5.0]}
        self.assertEqual(maths.ratio(above, below), 12.5)
        self.assertIsNone(maths.ratio({"values": [1.0]}, {"values": [0.0]}))

    def test_what_is_below_the_least_counts_as_the_least(self):
        self.assertEqual(maths.ratio({"values": [-3.0]}, {"values": [-50.0]}, 1.0), 1.0)
        self.assertEqual(maths.ratio({"values": [8.0]}, {"values": [0.5]}, 1.0), 8.0)

    def test_what_fits_is_stopped_by_the_tightest_limit(self):
        port = maths.fits("ours", 16 * 1024, 0.05)
        self.assertEqual((port["streams"], port["binding"]), (238, "the port (1 Gb/s)"))
        memory = maths.fits("big", 100e6, 0.05)
        self.assertEqual((memory["streams"], memory["binding"]), (35, "memory (3.5 of 4 GB)"))
        cpu = maths.fits("busy", 1, 10.0)
        self.assertEqual((cpu["streams"], cpu["binding"]), (20, "CPU (2 cores)"))


class Checks(unittest.TestCase):
    def verdicts(self, rows, **skipped):
        return {line["what"]: checks.verdict(line) for line in checks.checks(rows, skipped)}

    def compared(self, **ours):
        good = {"resident_all": 60 << 20, "slope": 15 << 10, "cpu_percent": 0.04, "late_p99_ms": 0.0}
        return merged(row("compare", "streambro", 1, **good), row("compare", "streambro", 1000, **{**good, **ours}),
                      row("compare", "ffmpeg -c copy", 20, cpu_percent=1.0))

    def test_the_row_with_most_streams_is_held_to_the_bounds(self):
        found = self.verdicts(self.compared())
        self.assertEqual(found["resident memory of 1,000 streams"], "PASS")
        self.assertEqual(found["CPU: ffmpeg's / ours, 1,000 streams"], "PASS")
        found = self.verdicts(self.compared(slope=(16 << 10) + 1, cpu_percent=0.051))
        self.assertEqual(found["anonymous memory a stream (slope), 1,000 streams"], "FAIL")
        self.assertEqual(found["CPU: ffmpeg's / ours, 1,000 streams"], "FAIL")

    def test_what_was_not_run_neither_passes_nor_fails(self):
        lines = checks.checks(self.compared(), {"slow": "no FUSE"})
        found = {line["what"]: checks.verdict(line) for line in lines}
        self.assertEqual(found["p99 lateness beside a slow disk / without it"], "not run (no FUSE)")
        self.assertEqual(found["throughput: ours / ffmpeg's"], "not run")
        self.assertTrue(checks.passed(lines))

    def test_small_numbers_are_shown_and_not_judged(self):
        lines = checks.checks(self.compared(slope=99 << 10), {}, small=True)
        self.assertTrue(checks.passed(lines))
        self.assertEqual(checks.verdict(lines[1]), checks.SMALL)
        self.assertFalse(checks.passed(checks.checks(merged(row("remux", "remux", 1, ["lost"])), {}, small=True)))

    def test_one_fault_fails_the_run(self):
        lines = checks.checks(merged(row("remux", "remux", 1, ["lost a frame"])), {})
        self.assertFalse(checks.passed(lines))

    def test_a_stalled_peer_holds_less_than_the_bound_not_as_much(self):
        what = "kernel memory of one stalled connection, the most"
        at = lambda held: self.verdicts(merged(row("stalled", "streambro, by ss", 100, most_held=held)))[what]
        self.assertEqual((at(131071), at(131072)), ("PASS", "FAIL"))

    def test_an_outage_that_did_not_end_has_no_time(self):
        # The program itself tells it as a fault.
        found = self.verdicts(merged(row("outage", "streambro", 9, ["8 of 9 were live again"], back_seconds=None)))
        self.assertEqual(found["from the server's return until all are live"], "not run")
        self.assertEqual(found["faults: frames due = sent = received, everywhere"], "FAIL")

    def test_figures_are_shown_in_their_unit(self):
        self.assertEqual(checks.show(16 * 1024, "KB"), "16.0 KB")
        self.assertEqual(checks.show(21.4, "x"), "21 x")
        self.assertEqual(checks.show(4.62, "x"), "4.62 x")
        self.assertEqual(checks.show(None, "x"), "–")


class Encode(unittest.TestCase):
    def judged(self, *pairs, bounds=encode.BOUNDS, mine=None, other=None, faults=()):
        """Pairs of (our seconds, their seconds, our bytes, their bytes)."""
        names = (encode.OURS, encode.THEIRS)
        runs = [[encode.row(name, {"cpu_seconds": cpu, "private": size, "private_middle": size, "private_dirty": size},
                            list(faults)) for name, cpu, size in zip(names, pair[:2], pair[2:])] for pair in pairs]
        made = {"frames": 600, "bits_per_second": 3e6, "ssim": 0.96, "faults": []}
        return encode.judged(runs, dict(zip(names, (made | (mine or {}), made | (other or {})))), bounds)

    def verdicts(self, *pairs, **others):
        return [checks.verdict(line) for line in self.judged(*pairs, **others)["checks"]]

    def test_ratios_are_taken_pair_by_pair(self):
        # A busy minute slows both of a pair: the medians of each side alone would say 67 %.
        found = self.judged((0.9, 1.0, 80, 100), (2.0, 5.0, 70, 100), (2.7, 3.0, 90, 100))
        self.assertEqual([round(each) for each in found["ratios_percent"]["cpu_seconds"]["values"]], [90, 40, 90])
        self.assertEqual(found["ratios_percent"]["cpu_seconds"]["median"], 90.0)
        self.assertEqual(found["ratios_percent"]["private"]["median"], 80.0)
        self.assertTrue(checks.passed(found["checks"]))

    def test_a_bound_itself_holds_and_a_hair_more_does_not(self):
        self.assertEqual(self.verdicts((95, 100, 85, 100)), ["PASS"] * 5)
        self.assertEqual(self.verdicts((95.01, 100, 85.01, 100))[:2], ["FAIL", "FAIL"])
        self.assertEqual(self.verdicts((95.01, 100, 85.01, 100), bounds=encode.WIDE), ["PASS"] * 5)

    def test_the_bit_rate_is_held_on_both_sides(self):
        pair = (90, 100, 80, 100)
        for bits, verdict in ((3.05e6, "PASS"), (3.07e6, "FAIL"), (2.95e6, "PASS"), (2.93e6, "FAIL")):
            self.assertEqual(self.verdicts(pair, mine={"bits_per_second": bits})[2], verdict, bits)

    def test_a_better_picture_is_no_fault_and_a_worse_one_is(self):
        pair = (90, 100, 80, 100)
        for ssim, verdict in ((0.99, "PASS"), (0.95995, "PASS"), (0.9598, "FAIL")):
            self.assertEqual(self.verdicts(pair, mine={"ssim": ssim})[3], verdict, ssim)

    def test_what_could_not_be_measured_fails(self):
        found = self.verdicts((90, 100, None, 100), mine={"ssim": None}, faults=["gone"])
        self.assertEqual(found, ["PASS", "FAIL", "PASS", "FAIL", "FAIL"])

    def test_the_peak_of_memory_is_of_clean_and_written_pages_together(self):
        look = lambda clean, dirty: {"Rss": clean + dirty + 1, "Private_Clean": clean, "Private_Dirty": dirty}
        gone = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
        found = encode.memory([look(5, 1), look(1, 8), look(2, 6), gone])
        self.assertEqual(found, {"private": 9, "private_middle": 8, "private_dirty": 8, "resident": 10})
        self.assertIsNone(encode.memory([gone])["private"])

    def test_the_order_changes_from_pair_to_pair_and_the_rows_do_not(self):
        ran = []
        whole, encode.run = encode.run, lambda name, command: (ran.append(name), ({}, []))[1]
        try:
            rows = [encode.pair(number, {"a": [], "b": []}) for number in range(2)]
        finally:
            encode.run = whole
        self.assertEqual(ran, ["a", "b", "b", "a"])
        self.assertEqual([[row["name"] for row in pair] for pair in rows], [["a", "b"]] * 2)

    def test_a_command_is_read_counted_and_its_failure_told(self):
        # More than a pipe holds: it is still there when its memory is looked at for the first time.
        figures, faults = encode.run("it", ["sh", "-c", "head -c 200000 /dev/zero"])
        self.assertEqual((figures["bytes"], faults), (200000, []))
        self.assertGreater(figures["private"], 0)
        _, faults = encode.run("it", ["sh", "-c", "head -c 200000 /dev/zero; echo no such film >&2; exit 3"])
        self.assertEqual(faults, ["it ended with 3: no such film"])

    def test_ffmpeg_is_understood(self):
        log = "frame=  9\n[Parsed_ssim_4 @ 0x5] SSIM Y:0.97 (14.6) U:0.95 (13.5) V:0.96 (13.8) All:0.962893 (14.3)\n"
        self.assertEqual(encode.told_ssim(log), 0.962893)
        self.assertIsNone(encode.told_ssim("SSIM of nothing"))

    def test_pictures_that_cannot_be_compared_are_faults(self):
        self.assertEqual(encode.unlike("it", 600, 600, (1280, 720)), [])
        self.assertEqual(encode.unlike("it", 599, 600, (1280, 718)),
                         ["it made 599 pictures of 600", "it made pictures of 1280x718"])

    def test_the_tables_hold_every_figure_and_fault(self):
        found = self.judged((1.8, 2.0, 80 << 20, 100 << 20), faults=["gone"])
        for row in found["rows"]:
            row["figures"] |= {name: {"median": 1.0, "values": [1.0]} for name in ("system", "resident")}
        text = encode.markdown({"date": "d", "machine": "m", "ffmpeg": "f", "pairs": 1, "clip_seconds": 20,
                                "commands": {encode.OURS: "ffmpeg -i CLIP"}, **found})
        for part in ("| 90.0 % | ≤ 95 % | PASS |", "80.0 MB", "0.9600", "- gone", "ffmpeg -i CLIP"):
            self.assertIn(part, text)


class Shown(unittest.TestCase):
    def test_figures_go_between_the_markers(self):
        text = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
        once = tables.into(text, "new\n")
        self.assertEqual(once, f"before\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nafter\n")
        self.assertEqual(tables.into(once, "new\n"), once)
        self.assertEqual(tables.into("no markers", "new\n"), "new\n")

    def test_labels_are_moved_apart_around_where_they_were(self):
        self.assertEqual(plot.spread([10, 100], 15), [10, 100])
        self.assertEqual(plot.spread([50, 50, 50], 15), [35, 50, 65])
        moved = plot.spread([1, 2, 30, 31, 60], 15)
        self.assertTrue(all(b - a >= 15 for a, b in zip(moved, moved[1:])), moved)

    def test_the_plot_is_a_picture_with_every_name(self):
        rows = merged(row("compare", "ours", 1, private_all=1 << 20, cpu_percent=0.1),
                      row("compare", "ours", 1000, private_all=9 << 20, cpu_percent=0.04),
                      row("compare", "theirs", 20, private_all=200 << 20, cpu_percent=1.0))
        text = "".join(node.toxml() for node in minidom.parseString(plot.plot(rows)).getElementsByTagName("text"))
        for name in ("ours", "theirs", "1,000", "100 MB"):
            self.assertIn(name, text)


if __name__ == "__main__":
    unittest.main()
