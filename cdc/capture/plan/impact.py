"""What it leads to when a connector's setting becomes another one: from nothing to rows that are lost.

    none       nothing of the stream
    restart    the task is started again, at its place: changes wait for some seconds
    read       tables that are new in the connector are read beside the stream
    types      values arrive in another form from then on
    order      events of one row, or of one transaction, may arrive in another order or in another topic
    end        the capture of a table ends: what happens to its rows is unseen from then on, for good
    snapshot   the recorded place is worth nothing there: the source is captured anew
    slot       as snapshot, and an older replication slot keeps PostgreSQL's log until a DBA drops it

The last two forget where the connector was, and what has come to an end comes back by a snapshot of the whole source
only. Nobody does that by the way: a plan has to say it first.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Impact(IntEnum):
    """What a change leads to; of several the highest counts."""

    NONE = 0
    RESTART = 1
    READ = 2
    TYPES = 3
    ORDER = 4
    END = 5
    SNAPSHOT = 6
    SLOT = 7

    @classmethod
    def of(cls, word: str) -> Impact:
        """Return the impact that a plan says with this word."""
        return cls[word.upper()]

    @property
    def word(self) -> str:
        """The word that plans say it with."""
        return self.name.lower()

    @property
    def forgets(self) -> bool:
        """Whether the connector forgets its place."""
        return self >= Impact.SNAPSHOT

    @property
    def takes_plan(self) -> bool:
        """Whether a plan has to say it: only a snapshot of the whole source makes up for it."""
        return self >= Impact.END


WHY: Final = {
    Impact.NONE: "nothing of the stream changes",
    Impact.RESTART: "the task starts again at its place",
    Impact.READ: "new tables are read beside the stream",
    Impact.TYPES: "values arrive in another form from here on",
    Impact.ORDER: "events may arrive in another order, or elsewhere",
    Impact.END: "the capture of a table ends: it comes back only with a snapshot of the whole source",
    Impact.SNAPSHOT: "its place means nothing there: all tables are read anew",
    Impact.SLOT: "its place belongs to another slot: all tables are read anew, and a DBA drops the old slot",
}

# Full names, or with `*` what begins so; the first one that fits counts.
_KEYS: Final[tuple[tuple[str, Impact], ...]] = (
    ("name", Impact.SNAPSHOT),
    ("connector.class", Impact.SNAPSHOT),
    ("topic.prefix", Impact.SNAPSHOT),
    ("slot.name", Impact.SLOT),
    ("plugin.name", Impact.SLOT),
    # What was committed while another publication was read is not in this one.
    ("publication.name", Impact.SNAPSHOT),
    ("database.hostname", Impact.SNAPSHOT),
    ("database.port", Impact.SNAPSHOT),
    ("database.dbname", Impact.SNAPSHOT),
    ("database.include.list", Impact.SNAPSHOT),
    # Without its history a connector does not know what the tables were at its place.
    ("schema.history.internal.kafka.topic", Impact.SNAPSHOT),
    ("table.include.list", Impact.READ),
    ("column.exclude.list", Impact.TYPES),
    ("message.key.columns", Impact.ORDER),
    ("tasks.max", Impact.ORDER),
    ("exactly.once.support", Impact.ORDER),
    ("transaction.boundary", Impact.ORDER),
    ("provide.transaction.metadata", Impact.ORDER),
    ("transforms*", Impact.ORDER),
    ("predicates*", Impact.ORDER),
    ("skipped.operations", Impact.ORDER),
    ("errors.tolerance", Impact.ORDER),
    ("topic.*", Impact.ORDER),
    ("decimal.handling.mode", Impact.TYPES),
    ("time.precision.mode", Impact.TYPES),
    ("binary.handling.mode", Impact.TYPES),
    ("interval.handling.mode", Impact.TYPES),
    ("hstore.handling.mode", Impact.TYPES),
    ("bigint.unsigned.handling.mode", Impact.TYPES),
    ("include.unknown.datatypes", Impact.TYPES),
    ("unavailable.value.placeholder", Impact.TYPES),
    ("enable.time.adjuster", Impact.TYPES),
    ("key.converter*", Impact.TYPES),
    ("value.converter*", Impact.TYPES),
    ("header.converter*", Impact.TYPES),
    ("converters*", Impact.TYPES),
    ("driver.*", Impact.TYPES),
    ("column.*", Impact.TYPES),
)
_RULES: Final = tuple((re.compile(re.escape(key).replace(r"\*", ".*")), impact) for key, impact in _KEYS)


def impact_of(key: str) -> Impact:
    """Return what it leads to that a connector gets another value of a setting; what nothing is said of restarts it."""
    return next((impact for rule, impact in _RULES if rule.fullmatch(key)), Impact.RESTART)
