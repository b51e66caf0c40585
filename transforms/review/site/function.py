"""The functions of the language in a sentence each (`functions.yaml`)."""

from __future__ import annotations

from pathlib import Path

import yaml

from transforms.model import Label
from transforms.review.site.anchor import anchor
from transforms.review.site.document import FunctionRow

_FILE = Path(__file__).parent / "functions.yaml"


def function_rows() -> tuple[FunctionRow, ...]:
    """Return every function by name."""
    told = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return tuple(
        FunctionRow(name, anchor("function", name), one["form"], Label(one["zh"], one["en"]))
        for name, one in told.items()
    )
