"""What concerns the whole manager, in every face, and what needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import streambro
from calls import tries
from faces import got
from film import check_recording, wait_until_published
from specs import SMALL, film
from streambro import (
    ClosedError,
    Encode,
    EndedError,
    InvalidSpecError,
    PlatformProfile,
    Renditions,
    Source,
    SourceInvalidError,
    SourceUnreadableError,
    SourceUnsupportedError,
    TimedOutError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from faces import Face
    from peers import Nginx


@tries("StreamManager.open", "StreamManager.shutdown", "StreamManager.as_user")
async def test_a_manager_is_opened_and_closed_by_hand(face: Face, nowhere: str, clip: Path, key: str) -> None:
    made = face.module.StreamManager(threads=1)
    with pytest.raises(ClosedError, match="open"):
        made.list()
    manager = await got(made.open())
    assert manager is made
    assert await got(made.open()) is made
    stream = await got(manager.start(film(clip, nowhere, key)))
    await got(manager.shutdown(grace=5))
    await got(manager.shutdown())
    assert stream.status().reason == "shut_down"
    # Looking goes on, starting does not.
    assert [status.id for status in manager.list()] == ["film"]
    for scope in (manager, manager.as_user("alice")):
        with pytest.raises(ClosedError):
            await got(scope.start(film(clip, nowhere, key)))
    with pytest.raises(ClosedError, match="make another one"):
        await got(manager.open())


@tries("StreamManager.open")
async def test_settings_that_cannot_be_are_refused(face: Face, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="max_streams: expected int, not str"):
        face.module.StreamManager(max_streams="many")
    with pytest.raises(InvalidSpecError, match="streams"):
        await got(face.module.StreamManager(streams=3).open())
    with pytest.raises(InvalidSpecError, match="media_root"):
        await got(face.module.StreamManager(media_root=tmp_path / "no").open())


@tries(
    "StreamManager.prepare",
    "StreamManager.renditions",
    "StreamManager.clear_renditions",
    "Preparation.progress",
    "Preparation.wait",
    "Preparation.cancel",
)
async def test_a_rendition_is_made_ahead_of_time(face: Face, clip: Path, tmp_path: Path) -> None:
    source, video = Source(file=clip), Encode(**SMALL)
    async with face.manager(renditions=Renditions(dir=tmp_path, quota_bytes=10_000_000)) as manager:
        given_up = await got(manager.prepare(source, video))
        given_up.cancel()
        with pytest.raises(EndedError):
            await got(given_up.wait(timeout=30))
        assert given_up.progress().stage == "failed"
        preparation = await got(manager.prepare({"file": str(clip)}, {"encode": SMALL}))
        with pytest.raises(TimedOutError):
            await got(preparation.wait(timeout=0))
        assert await got(preparation.wait(timeout=60)) == "made"
        assert (preparation.progress().stage, preparation.progress().done_ms) == ("finished", 2_000)
        assert await got((await got(manager.prepare(source, video))).wait()) == "found"
        usage = await got(manager.renditions())
        assert (usage.count, usage.drafts, usage.quota) == (1, 0, 10_000_000)
        assert await got(manager.clear_renditions()) == 1
        assert (await got(manager.renditions())).count == 0
        assert await got((await got(manager.prepare(source, "copy"))).wait()) == "not_needed"
    async with face.manager() as manager:
        assert await got(manager.renditions()) is None
        with pytest.raises(InvalidSpecError):
            await got(manager.prepare(source, video))


@tries("StreamManager.usage", "StreamManager.metrics")
async def test_what_streams_use_is_measured(face: Face, nginx: Nginx, clip: Path, key: str) -> None:
    async with face.manager(monitor_every_ms=0) as manager:
        assert manager.usage() is None
    async with face.manager(monitor_every_ms=300) as manager:
        stream = await got(manager.start(film(clip, nginx.url, key)))
        await got(stream.wait_for("live", timeout=20))
        wait_until_published(nginx, key, 60_000)
        usage = manager.usage()
        assert usage.memory_bytes > 1_000_000
        assert usage.cpu_percent > 0
        assert stream.status().usage.estimated
        page = manager.metrics()
    assert 'streambro_streams{phase="live"} 1\n' in page
    assert page.endswith("# EOF\n")


@tries("StreamManager.audit", "StreamManager.doctor", "doctor")
async def test_manager_and_host_are_looked_over(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager() as manager:
        await got(manager.start(film(clip, nowhere, key)))
        audit = await got(manager.audit())
        assert (audit.streams, audit.places, audit.tasks, audit.findings) == (1, 1, 1, ())
        names = [check.name for check in (await got(manager.doctor())).checks]
        assert {"descriptors", "tcp_memory", "ffmpeg"} <= set(names)
    assert [check.name for check in streambro.doctor().checks] == names
    demanding = {check.name: check for check in streambro.doctor(max_streams=1_000_000).checks}
    assert demanding["descriptors"].severity == "error"
    assert "LimitNOFILE" in demanding["descriptors"].remedy
    with pytest.raises(TypeError, match="max_streams"):
        streambro.doctor(max_streams="many")  # type: ignore[arg-type]


@tries("StreamManager.capacity")
async def test_capacity_counts_by_weights(face: Face, nowhere: str, clip: Path, key: str) -> None:
    async with face.manager(max_streams=300, max_streams_per_user=30) as manager:
        free, of_alice = film(clip, nowhere, key), film(clip, nowhere, key, user="alice")
        rooms = {room.limit: room for room in (await got(manager.capacity([free]))).limits}
        assert (rooms["streams"].free, rooms["streams"].streams) == (300, 300)
        # Every fourth is Alice's, who may have 30.
        capacity = await got(manager.capacity([free, of_alice], [3, 1]))
        rooms = {room.limit: room for room in capacity.limits}
        assert rooms["streams_per_user"].of == "alice"
        assert rooms["streams_per_user"].streams in range(120, 124)
        assert capacity.streams == min(room.streams for room in capacity.limits)
        with pytest.raises(ValueError, match="longer"):
            await got(manager.capacity([free], [1, 2]))


@tries("probe", "remux", "command")
def test_files_are_looked_into_and_written_anew(clip: Path, tmp_path: Path) -> None:
    probe = streambro.probe(clip)
    assert probe.obstacles == ()
    info: Any = probe.info
    assert (info.duration_ms, info.video.width, info.video.samples, info.audio.sample_rate) == (2_000, 320, 60, 48_000)
    assert streambro.probe(str(clip)) == probe
    target = tmp_path / "twice.flv"
    report = streambro.remux(clip, target, times=2)
    assert (report.video, report.duration_ms, report.bytes) == (120, 4_000, target.stat().st_size)
    assert check_recording(target).video == 120
    with pytest.raises(SourceUnreadableError) as caught:
        streambro.probe(tmp_path / "no.mp4")
    # As any other file that is not there.
    assert isinstance(caught.value, OSError)
    with pytest.raises(SourceInvalidError):
        streambro.probe(tmp_path)
    (tmp_path / "notes").write_text("no film")
    with pytest.raises(SourceUnsupportedError):
        streambro.remux(tmp_path / "notes", target)
    with pytest.raises(InvalidSpecError):
        streambro.remux(clip, target, times=0)
    assert report.bytes == target.stat().st_size
    assert "libx264" in streambro.command(Encode(encoder="x264"), clip)
    assert streambro.command({"encoder": "x264"}, str(clip)) == streambro.command(Encode(encoder="x264"), clip)
    with pytest.raises(InvalidSpecError, match="fps"):
        streambro.command(Encode(fps=0), clip)


@tries("host", "platform", "meaning", "remedy", "version")
def test_what_is_known_is_told() -> None:
    host = streambro.host()
    assert host.cpus > 0
    assert host.process.resident_bytes > 1_000_000
    assert streambro.platform("youtube").name == "YouTube"
    assert streambro.platform({"custom": {"name": "mine"}}) == PlatformProfile(name="mine")
    with pytest.raises(InvalidSpecError):
        streambro.platform("mars")  # type: ignore[arg-type]
    assert "refused the key" in (streambro.meaning("bad_key") or "")
    assert "replace" in (streambro.remedy("bad_key") or "")
    unknown: Any = "boredom"
    assert streambro.meaning(unknown) is streambro.remedy(unknown) is None
    assert streambro.version() == streambro.__version__
