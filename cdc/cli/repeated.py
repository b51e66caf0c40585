"""Commands that are named in words, of the deployment that this one is about: who copies one must not act on another.

Written in words is what everybody would type, `cdc connectors apply erp`; the options that this command line was given
are put in where the words are printed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

_OPTIONS: Final = ("--config", "--context")
# Kept beside typer's context, which has ended when an error is told.
_given: ContextVar[Mapping[str, str]] = ContextVar("options of the command line", default=MappingProxyType({}))

# Words have commands between backticks, or alone in a line; `cdc` is a schema and a user, too.
_COMMAND: Final = re.compile(r"(`|^(?:next: | *))cdc (?=[a-z])", re.MULTILINE)


@contextmanager
def repeating() -> Iterator[None]:
    """Repeat what is given within, by one command line, and nothing of an earlier one."""
    token = _given.set({})
    try:
        yield
    finally:
        _given.reset(token)


def repeat(option: str, value: str) -> None:
    """Repeat an option from now on; of several of one name the last one."""
    _given.set({**_given.get(), option: value})


def of_deployment(words: str) -> str:
    """Return words with `--config` and `--context`, as far as they were given, in each command that is named."""
    given = _given.get()
    options = "".join(f"{option} {shlex.quote(given[option])} " for option in _OPTIONS if option in given)
    return _COMMAND.sub(lambda found: f"{found[0]}{options}", words) if options else words
