"""How a command ends: exit codes, and what a person reads when it fails.

0    done
1    failed; the code, its cause and what to do are on stderr
2    usage, settings, connector files, contracts or dictionary are wrong; nothing was started
3    differences were found
4    something needs attention
130  interrupted
"""

from __future__ import annotations

from enum import IntEnum

import psycopg

from cdc.cli.output import say
from cdc.errors import CdcError, FatalError
from cdc.observe.log import places
from cdc.store.connection import classify
from transforms.errors import DictionaryError


class Exit(IntEnum):
    """The exit codes of `cdc`."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DIFFERENT = 3
    ATTENTION = 4
    INTERRUPTED = 130


# What a person has to correct in files before the command can do anything.
_USAGE = frozenset({"CFG-101", "CON-140", "DRV-106", "DRV-108", "DRV-109", "SRC-101", "SRC-102", "SRC-103", "SRC-122"})


# Nothing failed: what is asked for was destroyed, as somebody has put on record.
_ATTENTION = frozenset({"PRT-107"})


def report(error: Exception) -> Exit:
    """Print what happened, why, and what to do next; return the exit code."""
    known = as_cdc_error(error)
    say(known.advice())
    if known.code in _ATTENTION:
        return Exit.ATTENTION
    return Exit.USAGE if known.code in _USAGE else Exit.FAILED


def as_cdc_error(error: Exception) -> CdcError:
    """Return the error of the service that stands for `error`; a fault of the program itself is APP-101."""
    if isinstance(error, CdcError):
        return error
    if isinstance(error, psycopg.Error):
        return classify(error)
    if isinstance(error, DictionaryError):
        return FatalError("DRV-106", "".join(f"\n  {fault}" for fault in error.faults))
    # The message of a foreign exception may quote a cell; type and place are what a report needs.
    return FatalError("APP-101", "".join([type(error).__qualname__, *(f"\n  at {place}" for place in places(error))]))
