"""How a command ends: exit codes, and what a person reads when it fails.

0    done
1    failed; the code, its cause and what to do are on stderr
2    usage, settings, connector files, contracts or dictionary are wrong; nothing was started
3    differences were found
4    something needs attention
5    refused: a rule, or the rights of the login, are against it, and the same again is refused again; nothing was done,
     or what was done before is told, and on record
6    the time that was given has ended; what was asked for may still come, the code or the words say how to find out
130  interrupted

A worker ends with the same codes, but for what it waits for.
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
    REFUSED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


# What a code amounts to; one that is not here has failed.
_EXITS: dict[Exit, frozenset[str]] = {
    # What a person has to correct in files before the command can do anything.
    Exit.USAGE: frozenset(
        {
            *("CFG-101", "CON-140", "CON-182", "CON-184", "CON-185", "DRV-106", "DRV-109"),
            *("SRC-101", "SRC-102", "SRC-103", "SRC-122", "SRC-127", "SRC-130"),  # lines of connector files
        }
    ),
    # Nothing failed: what is asked for was destroyed, as somebody has put on record.
    Exit.ATTENTION: frozenset({"PRT-107"}),
    # Somebody else has to say yes, or to let go of something, or the world is another one than it was decided on.
    Exit.REFUSED: frozenset(
        {
            *("CON-108", "CON-113", "CON-170", "CON-180", "CON-181", "CON-183", "CON-186", "CON-187", "CON-190"),
            *("DRV-108", "DRV-112", "DRV-113", "DRV-121", "DRV-131", "DRV-132", "DRV-133"),
            *("EVD-108", "EVD-124"),
            *("PRT-101", "PRT-102"),
            *("SRC-350", "STR-120"),
            *("TGT-106",),
        }
    ),
    Exit.TIMED_OUT: frozenset({"CON-104", "CON-109", "DRV-114", "EVD-114", "TGT-122"}),
}


def report(error: Exception) -> Exit:
    """Print what happened, why, and what to do next; return the exit code."""
    known = as_cdc_error(error)
    say(known.advice())
    return exit_of(known)


def exit_of(error: CdcError) -> Exit:
    """Return the exit code that an error of the service amounts to."""
    return next((code for code, errors in _EXITS.items() if error.code in errors), Exit.FAILED)


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
