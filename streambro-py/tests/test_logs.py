"""What streambro logs, as a program that uses `logging` sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streambro
import streambro.blocking
from scripts import run_script
from specs import film
from waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from peers import Nginx


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Levels and messages of streambro's own."""
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "streambro"]


def test_lines_have_levels_and_begin_with_the_streams_name(
    nginx: Nginx, clip: Path, nowhere: str, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    with streambro.blocking.StreamManager() as manager:
        manager.start(film(clip, nginx.url, key, id="lofi")).wait_for("live", timeout=20)
        manager.start(film(clip, nowhere, key, id="lost"))
        manager.start(film(clip, nginx.members_url, key, id="mistyped"))
        wait_until(lambda: any(level == "ERROR" for level, _ in lines(caplog)), what="the refused key is logged")
        wait_until(lambda: any(level == "WARNING" for level, _ in lines(caplog)), what="the absent server is logged")
    assert ("INFO", "lofi: destination 0: connecting") in lines(caplog)
    assert ("INFO", "lofi: live") in lines(caplog)
    about = {getattr(record, "stream", "none") for record in caplog.records if record.name == "streambro"}
    assert {"lofi", "lost", "mistyped"} <= about
    assert any(line.startswith("lost: destination 0: waiting") for level, line in lines(caplog) if level == "WARNING")
    assert any(line.startswith("mistyped: destination 0: waiting") for level, line in lines(caplog) if level == "ERROR")


def test_a_line_has_the_time_at_which_it_was_written(
    nowhere: str, clip: Path, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = time.time()
    with streambro.blocking.StreamManager() as manager:
        manager.start(film(clip, nowhere, key))
        manager.shutdown()
        after = time.time()
        wait_until(lambda: any("shut_down" in message for _, message in lines(caplog)), what="the last line")
    times = [record.created for record in caplog.records if record.name == "streambro"]
    assert before - 0.01 <= times[0]
    assert times == sorted(times)
    assert times[-1] <= after + 0.01


def test_nothing_is_printed_where_nobody_has_set_up_logging(nginx: Nginx, clip: Path, key: str) -> None:
    code = """
        with streambro.blocking.StreamManager() as manager:
            manager.start(film(clip, members, key)).wait_for("starting")
            manager.start(film(clip, url, key, id="lofi", repeat="once")).ended(30)
    """
    assert run_script(code, url=nginx.url, members=nginx.members_url, clip=clip, key=key).succeeded() == ""


def test_the_level_of_the_logger_counts(nowhere: str, clip: Path, key: str) -> None:
    code = """
        import logging
        logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
        with streambro.blocking.StreamManager() as manager:
            manager.start(film(clip, url, key)).wait_for("starting")
            wait_until(lambda: manager.logs("film")[-1].level == "warn")
    """
    printed = run_script(code, url=nowhere, clip=clip, key=key).succeeded().splitlines()
    assert printed
    assert all(line.startswith("WARNING film: ") for line in printed)


def test_the_last_lines_are_there_when_a_program_ends(nowhere: str, clip: Path, key: str) -> None:
    code = """
        import logging
        logging.basicConfig(stream=sys.stdout, level=logging.INFO)
        manager = streambro.blocking.StreamManager().open()
        manager.start(film(clip, url, key)).wait_for("starting")
    """
    assert run_script(code, url=nowhere, clip=clip, key=key).succeeded().endswith("INFO:streambro:film: ended (shut_down)\n")


def test_a_slow_reader_loses_the_oldest_lines_and_is_told_how_many(nowhere: str, clip: Path, key: str) -> None:
    code = """
        import logging

        class Slow(logging.Handler):
            def emit(self, record):
                print(record.getMessage())
                may_go_on.wait()

        may_go_on = threading.Event()
        logging.getLogger("streambro").addHandler(Slow())
        logging.getLogger("streambro").setLevel(logging.INFO)
        with streambro.blocking.StreamManager(unlimited=True) as manager:
            for number in range(1_000):
                manager.start(film(clip, url, key, id=f"film-{number}"))
            manager.clear_all()
        may_go_on.set()
    """
    printed = run_script(code, url=nowhere, clip=clip, key=key).succeeded().splitlines()
    told = [line for line in printed if line.endswith("lines of the log were lost: nobody had read them")]
    assert len(told) == 1
    at = printed.index(told[0])
    lost, kept = int(told[0].split()[0]), printed[at + 1 :]
    # Those that it had when it got stuck are not among them.
    assert printed[0].endswith(": destination 0: connecting")
    assert lost > 100
    assert len(kept) == 2_048
    assert kept[-1].endswith(": ended (stopped)")


def test_a_handler_that_fails_stops_no_line(nowhere: str, clip: Path, key: str) -> None:
    code = """
        import logging

        class Fails(logging.Handler):
            def emit(self, record):
                print(record.getMessage())
                raise ValueError("oh")

        logging.getLogger("streambro").addHandler(Fails())
        logging.getLogger("streambro").setLevel(logging.INFO)
        with streambro.blocking.StreamManager() as manager:
            manager.start(film(clip, url, key)).wait_for("starting")
    """
    ran = run_script(code, url=nowhere, clip=clip, key=key)
    assert "ended (shut_down)" in ran.stdout
    # As `logging` tells it of its own handlers.
    assert ran.stderr.count("--- Logging error ---") == len(ran.stdout.splitlines())
    assert ran.returncode == 0
