"""The settings files of the stack's servers, which the containers of compose.yaml read, too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

from compose.local.env import REPO

FOLDER = REPO / "compose"


def read_settings(path: Path) -> dict[str, str]:
    """Return the settings of a file by name: Java properties, an option file of MariaDB, a file of PostgreSQL.

    Of what those may hold only what ours do: a setting a line, comments, sections (all of one server), `include`.
    """
    settings: dict[str, str] = {}
    for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
        if line.startswith("include "):
            settings |= read_settings(path.parent / line.split(maxsplit=1)[1].strip("'"))
        elif line and line[0] not in "#[":
            name, _, value = line.partition("=")
            settings[name.strip()] = _unquoted(value.strip())
    return settings


def jvm_options() -> list[str]:
    """Return the options of `java`."""
    lines = map(str.strip, (FOLDER / "jvm.options").read_text(encoding="utf-8").splitlines())
    return [_unquoted(line) for line in lines if line and not line.startswith("#")]


def accounts(server: str, env: Mapping[str, str]) -> list[str]:
    """Return the statements that make a server's accounts and database."""
    lines = (FOLDER / server / "accounts.sql").read_text(encoding="utf-8").splitlines()
    return [Template(line).substitute(env) for line in lines if line and not line.startswith("--")]


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
