"""The other side: nginx with its rtmp module, and ffmpeg to make clips and to publish them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTALL = "tests/run installs what the tests need (Debian: ffmpeg, nginx, libnginx-mod-rtmp)"

# nginx runs inside the folder: a path of a Unix socket may have 107 bytes, and pytest's folders lie deep.
# It asks itself over that socket whether a key is allowed, which is so when there is a file of that name.
CONFIGURATION = """
load_module {module};
daemon off;
master_process off;
pid nginx.pid;
error_log error.log info;
events {{ }}
http {{
    log_format gate '$arg_name $status';
    access_log gate.log gate;
    client_body_temp_path temp;
    proxy_temp_path temp;
    fastcgi_temp_path temp;
    uwsgi_temp_path temp;
    scgi_temp_path temp;
    server {{
        listen unix:gate;
        root {folder};
        location / {{ try_files /allowed/$arg_name =403; }}
    }}
}}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        live on;
        record all;
        record_path recordings;
        record_unique on;
        application live {{ }}
        application members {{
            notify_method get;
            on_publish http://unix:gate:/;
        }}
    }}
}}
"""


class Nginx:
    """A private RTMP server that records what is published to it.

    `url` takes any stream key, `members_url` only those that were allowed. Both are without the key.
    """

    def __init__(self, folder: Path) -> None:
        """Starts the server in an empty folder. Blocks until it listens, well under a second."""
        self._folder = folder
        for name in ("recordings", "allowed", "temp"):
            (folder / name).mkdir()
        for _ in range(5):
            self.port = free_port()
            if self._start():
                return
        raise AssertionError(f"nginx does not start: {self.log()}")

    @property
    def url(self) -> str:
        """The application that takes any key."""
        return f"rtmp://127.0.0.1:{self.port}/live"

    @property
    def members_url(self) -> str:
        """The application that turns away a key that was not allowed."""
        return f"rtmp://127.0.0.1:{self.port}/members"

    @property
    def pid(self) -> int:
        """The process that serves now, or served last."""
        return self._process.pid

    def allow(self, key: str) -> None:
        """Lets the key in at `members_url` from now on."""
        (self._folder / "allowed" / key).touch()

    def turned_away(self, key: str) -> int:
        """How often a publisher with this key was turned away."""
        return self._read("gate.log").splitlines().count(f"{key} 403")

    def recordings(self, key: str, bound: float = 10) -> list[Path]:
        """The recordings of a key so far, the first first; the last may still grow.

        nginx names them by the second. A publisher that is back sooner writes over its own recording, and this fails
        with AssertionError rather than hide it.
        """

        def all_there() -> bool:
            published = self.log().count(f"publish: name='{key}' ")
            return len(self._recorded(key)) >= published - self.turned_away(key)

        wait_until(all_there, bound, f"a recording for every time that {key} was published")
        return self._recorded(key)

    def recording(self, key: str, bound: float = 30) -> Path:
        """The one recording of a key, whole. Blocks until its publisher has left.

        Fails with AssertionError when the publisher has not left after `bound` seconds, or came more than once.
        """
        wait_until(lambda: self.recordings(key), bound, f"{key} is published")
        wait_until(lambda: not self._writes(key), bound, f"the publisher of {key} has left")
        files = self.recordings(key)
        if len(files) != 1:
            raise AssertionError(f"{key} was published {len(files)} times, not once")
        return files[0]

    def stop(self) -> None:
        """Kills the server at once; the kernel closes its connections. Does nothing when it does not run."""
        self._process.kill()
        self._process.wait()
        if Path(f"/proc/{self.pid}").exists():
            raise AssertionError(f"nginx {self.pid} is still there")

    def restart(self) -> None:
        """Stops the server and starts it again on the same port. Recordings stay."""
        self.stop()
        if not self._start():
            raise AssertionError(f"nginx does not come back: {self.log()}")

    def log(self) -> str:
        """What the server has logged; nothing before it has started."""
        return self._read("error.log")

    def _start(self) -> bool:
        complaints = self.log().count("[emerg]")

        def listens() -> bool:
            # Written when the port is its own: that somebody listens there would not tell who.
            return (self._folder / "nginx.pid").exists()

        def failed() -> bool:
            # Where the port is taken, nginx complains at once and goes on trying for 2.5 s.
            return self._process.poll() is not None or self.log().count("[emerg]") > complaints

        for name in ("nginx.pid", "gate"):
            (self._folder / name).unlink(missing_ok=True)
        configuration = CONFIGURATION.format(module=_rtmp_module(), port=self.port, folder=self._folder)
        (self._folder / "nginx.conf").write_text(configuration)
        # Debian keeps servers where only root looks.
        nginx = _program("nginx", os.environ.get("PATH", os.defpath) + ":/usr/sbin")
        # Before the configuration is read, nginx would write to its compiled-in log.
        words = [nginx, "-p", ".", "-c", "nginx.conf", "-e", "error.log"]
        self._process = subprocess.Popen(
            words,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_until(lambda: listens() or failed(), 20, "nginx listens")
        finally:
            if not listens():
                self.stop()
        return listens()

    def _recorded(self, key: str) -> list[Path]:
        files = (self._folder / "recordings").glob("*.flv")
        return sorted(file for file in files if file.stem.rpartition("-")[0] == key)

    def _writes(self, key: str) -> bool:
        """Whether nginx still has a recording of the key open."""
        recorded = set(self._recorded(key))
        try:
            return any(_target(link) in recorded for link in Path(f"/proc/{self.pid}/fd").iterdir())
        except FileNotFoundError:
            return False

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text()
        except FileNotFoundError:
            return ""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def make_clip(path: Path) -> Path:
    """Makes 2 s of 320x180 at 30 fps, H.264 with B-frames and a keyframe every second, AAC 48 kHz stereo."""
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2"),
        *("-f", "lavfi", "-i", "sine=r=48000:d=2,aformat=channel_layouts=stereo"),
        *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"),
        *("-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "2"),
        *("-c:a", "aac", "-b:a", "96k", path),
    )
    return path


def publish(clip: Path, url: str) -> None:
    """Publishes a clip to `url/key` as fast as it is taken. Blocks until it is sent."""
    ffmpeg("-i", clip, "-c", "copy", "-f", "flv", url)


@contextmanager
def publisher(clip: Path, url: str) -> Iterator[int]:
    """Publishes a clip again and again, at its own pace, until the block ends. Gives the process id."""
    source = ["-nostdin", "-re", "-stream_loop", "-1", "-i", str(clip)]
    words = [_program("ffmpeg"), *source, "-c", "copy", "-f", "flv", url]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def ffmpeg(*words: str | Path) -> None:
    """Runs ffmpeg to its end, for at most a minute. Fails with AssertionError when it has anything to say."""
    output("ffmpeg", "-nostdin", "-y", "-v", "error", *words)


def output(program: str, *words: str | Path) -> str:
    """What a program prints. Blocks for at most a minute; fails with AssertionError when it complains."""
    # Behind a stream that is on the air, which is at 10 and has a clock.
    command = ["nice", "-n", "15", _program(program), *words]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode != 0 or ran.stderr:
        raise AssertionError(f"{program} ended with {ran.returncode}: {ran.stderr}")
    return ran.stdout


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except FileNotFoundError:
        return None


def _program(name: str, path: str | None = None) -> str:
    if (found := shutil.which(name, path=path)) is None:
        raise AssertionError(f"there is no {name}: {INSTALL}")
    return found


def _rtmp_module() -> Path:
    for folder in ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/nginx/modules"):
        if (module := Path(folder) / "ngx_rtmp_module.so").exists():
            return module
    raise AssertionError(f"nginx has no rtmp module: {INSTALL}")
