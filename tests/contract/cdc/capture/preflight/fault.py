"""The list of faults, read: what is put into a server, and what preflight has to find of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Fault:
    id: str
    code: str
    says: str
    seed: tuple[str, ...] = ()
    session: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    clock_s: float = 0.0
    server: str = ""
    undo: tuple[str, ...] | None = None
    undo_after: tuple[str, ...] = ()
    config: Mapping[str, str] = field(default_factory=dict)


def read_faults(product: str) -> list[Fault]:
    document = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text(encoding="utf-8"))
    return [_fault(entry) for entry in document[product]]


def _fault(entry: dict[str, Any]) -> Fault:
    return Fault(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})
