"""What is done to connectors, on record in the target; each action by itself, when it is done.

Kafka Connect has no transactions to share with the target. So the target is asked first: who cannot put on record what
he does gets to do nothing. And what failed is put on record as such: Connect may have done it, and only its answer was
lost; who repeats the command hears that there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

import psycopg

from cdc.cli.failure import Exit, exit_of
from cdc.cli.output import say
from cdc.config import Settings
from cdc.errors import CdcError
from cdc.store.action import record_action
from cdc.store.connection import as_service_errors, classify, connect

NOT_ON_RECORD: Final = "The target has no tables yet: this is not put on record."
Effect = dict[str, object]
Acting = Callable[[str, str], AbstractContextManager[Effect]]
"""A block that does an action to something, both named, and fills in what came of it."""


@contextmanager
def on_record(options: Settings, reason: str | None = None) -> Iterator[Acting]:
    """Yield what puts an action on record; without tables it says that nothing is. Raises TGT-101 to TGT-103."""
    with as_service_errors(), connect(options.target, "cdc connectors") as connection:
        connection.autocommit = True

        def record(action: str, object_name: str, effect: Effect) -> None:
            if connection.execute("SELECT to_regclass('cdc.operator_action')").fetchone() == (None,):
                say(NOT_ON_RECORD)
            else:
                record_action(connection, action, object_name, effect, reason)

        yield partial(recorded, record)


@contextmanager
def recorded(record: Callable[[str, str, Effect], None], action: str, object_name: str) -> Iterator[Effect]:
    """Yield the effect of an action; at the end of the block put it on record, unless it is empty: nothing was done.

    What fails is put on record with its code, and with what was done before; not what was refused before anything was.
    """
    effect: Effect = {}
    try:
        yield effect
    except CdcError as error:
        if effect or exit_of(error) not in (Exit.REFUSED, Exit.USAGE):
            try:
                record(action, object_name, {**effect, "failed": error.code})
            except psycopg.Error as lost:  # the first of the two is what has to be told
                say(f"That it failed is not on record: {classify(lost)}")
        raise
    if effect:
        record(action, object_name, effect)
