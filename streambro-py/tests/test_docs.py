"""The guides: their samples compile and are typed as strictly as the package, their tables say what there is."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import streambro
from streambro import SettingsDict, Stream, StreambroError, StreamManager

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/python.md", "docs/coming-from.md", "streambro-py/README.md")

# What samples take as given.
GIVEN = "import streambro as _s; key: str; spec: _s.StreamSpec; manager: _s.StreamManager"

pytestmark = pytest.mark.skipif(not (ROOT / PAGES[1]).is_file(), reason="the guides are not beside the tests")


@pytest.mark.parametrize("page", PAGES)
def test_the_samples_of_a_page_compile(page: str) -> None:
    compile(samples(page), page, "exec", dont_inherit=True)


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed: tests/requirements.txt has it")
def test_the_samples_are_typed_strictly(tmp_path: Path) -> None:
    for page in PAGES:
        # Lines are those of the page, so that what mypy says leads there.
        (tmp_path / f"{re.sub('[^a-z]', '_', page.lower())}.py").write_text(samples(page))
    words = ["--strict", "--python-version", "3.10", "--config-file", "", "--cache-dir", str(tmp_path / "cache"), "."]
    ran = subprocess.run([sys.executable, "-m", "mypy", *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_table_of_errors_has_each_with_its_built_in_and_its_code() -> None:
    told = re.findall(r"^\| `(\w+Error)` \| `(\w+)` \| (\d+) \|", (ROOT / "docs/python.md").read_text(), re.MULTILINE)
    assert told == [(error.__name__, error.__bases__[1].__name__, str(error.code)) for error in StreambroError.__subclasses__()]


def test_the_table_of_settings_has_each_once() -> None:
    section = (ROOT / "docs/python.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(SettingsDict.__annotations__)


def test_what_others_are_told_to_write_is_there() -> None:
    """The second column of each table of `docs/coming-from.md`: classes with their fields, methods, settings."""
    fields = {name: {field.name for field in dataclasses.fields(form)} for name, form in FORMS.items()}
    anything = set().union(*fields.values(), SettingsDict.__annotations__)
    calls = [call for code in second_column("docs/coming-from.md") for call in ast.walk(code) if isinstance(call, ast.Call)]
    assert len(calls) > 100
    for call in calls:
        if isinstance(call.func, ast.Name):
            name, said = call.func.id, {keyword.arg for keyword in call.keywords}
            if name in fields or name == "_":
                assert said <= fields.get(name, anything), f"{name} has no {said}"
            else:
                assert any(hasattr(each, name) for each in (StreamManager, Stream, streambro)), f"there is no {name}()"


FORMS = {name: form for name, form in vars(streambro).items() if dataclasses.is_dataclass(form)}


def second_column(page: str) -> Iterator[ast.AST]:
    """What stands there as code, as if it were what a call is given: `retry=Retry()` or `stop(id)`."""
    for row in re.findall(r"^\|.*\|$", (ROOT / page).read_text(), re.MULTILINE):
        for code in re.findall("`([^`]+)`", re.split(r"(?<!\\)\|", row)[2]):
            # The rest are words: of a reason, of a field.
            with suppress(SyntaxError):
                yield ast.parse(f"_({code})")


def samples(page: str) -> str:
    """The samples of a page as one module, each in a coroutine of its own, on the lines on which they stand."""
    text = (ROOT / page).read_text()
    # The first line of a page is its name.
    lines = [GIVEN, *("" for _ in text.splitlines()[1:])]
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, found.start())
        lines[first] = f"async def _line_{first + 1}() -> None:"
        for at, line in enumerate(found[1].splitlines(), first + 1):
            lines[at] = f"    {line}"
    if not any(lines[1:]):
        raise AssertionError(f"{page} has no sample")
    return "\n".join(lines) + "\n"
