"""Makes the files of the package that follow from others: `python generate.py`.

With `--check` it writes nothing, names what differs from what it would write, and exits with 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generators import blocking, types

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "python" / "streambro"

TARGETS: list[tuple[Path, Callable[[], str]]] = [
    (PACKAGE / "_input.py", types.input_text),
    (PACKAGE / "_output.py", types.output_text),
    (PACKAGE / "blocking.py", blocking.text),
]
"""What is made, and what makes its text."""


def main() -> int:
    """Returns 1 if something is stale that should not be."""
    is_check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not is_check:
        sys.exit(f"usage: {Path(sys.argv[0]).name} [--check]")
    made = [(path, make()) for path, make in TARGETS]
    stale = [(path, text) for path, text in made if not path.exists() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(HERE)} {'is stale' if is_check else 'is written'}")  # noqa: T201
        if not is_check:
            path.write_text(text)
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
