"""Files that a command writes where somebody has said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer


@contextmanager
def writing(path: Path, option: str | None = None) -> Iterator[None]:
    """Raise BadParameter, which names the path, if what is written within cannot be: that is no fault of the program.

    Of several files it is the one that the system names, if it names one.
    """
    try:
        yield
    except OSError as error:
        words = f"{error.filename or path} cannot be written: {error.strerror}"
        raise typer.BadParameter(words, param_hint=option) from None
