"""Contexts: several deployments, each with its settings file, in one folder; a file's name is the context's.

Nothing remembers which one was used last: what a command does must not hang on what somebody typed in another window.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cdc.errors import FatalError

CONFIG: Final = "CDC_CONFIG"
CONTEXT: Final = "CDC_CONTEXT"
_SUFFIX: Final = ".yaml"


def contexts(folder: Path) -> dict[str, Path]:
    """Return the settings files of a folder by context, sorted; none if it is no folder."""
    return {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def configured(path: Path | None, variables: Mapping[str, str]) -> Path | None:
    """Return the file or folder that is named: `path`, else by CDC_CONFIG."""
    return path or (Path(variables[CONFIG]) if variables.get(CONFIG) else None)


def current(path: Path | None, context: str | None, variables: Mapping[str, str]) -> str | None:
    """Return the context that is named for a folder of settings files, None for a file or if there is none."""
    named = configured(path, variables)
    return (context or variables.get(CONTEXT) or None) if named is not None and named.is_dir() else None


def settings_file(path: Path | None, context: str | None, variables: Mapping[str, str]) -> Path:
    """Return the settings file that is meant; `path` and `context` win over the environment. Raises CFG-101.

    A folder never means a file that nobody has named. A file and a context beside it would be two answers, unless the
    file alone was typed: then CDC_CONTEXT is about other commands.
    """
    named = configured(path, variables)
    if named is None:
        raise FatalError("CFG-101", "no settings file: give --config FILE or set CDC_CONFIG")
    if not named.is_dir():
        if other := context or (variables.get(CONTEXT) if path is None else None):
            raise FatalError("CFG-101", f"context {other}: {named} is no folder of settings files")
        return named
    wanted, known = current(path, context, variables), contexts(named)
    if wanted not in known:
        said = f"there is no context {wanted}" if wanted else "no context: give --context NAME or set CDC_CONTEXT"
        raise FatalError("CFG-101", f"{said} (in {named}: {', '.join(known) or 'none'})")
    return known[wanted]
