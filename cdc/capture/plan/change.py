"""One setting that a connector has otherwise than its file says, as a person may see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cdc.capture.plan.impact import WHY, Impact, impact_of
from cdc.capture.reading import TABLES, captured
from cdc.capture.tunable import is_secret
from cdc.reference import is_reference

MASK: Final = "***"
SERVER: Final = frozenset({"database.hostname", "database.port"})
"""Which server is read: the same one may get another name."""
_LISTS: Final = (".include.list", ".exclude.list")


@dataclass(frozen=True, slots=True)
class Change:
    """A setting's value before and after, None where it is not set, `***` where it is a secret."""

    key: str
    before: str | None
    after: str | None
    impact: str
    why: str

    def apart(self) -> tuple[str | None, str | None]:
        """Return what a person has to compare: of a list only what the other one lacks, `...` for what both have."""
        if self.before is None or self.after is None or not self.key.endswith(_LISTS):
            return self.before, self.after
        before, after = self.before.split(","), self.after.split(",")
        return _less(before, after), _less(after, before)


def changes_of(live: Mapping[str, str], wanted: Mapping[str, str], *, same_server: bool = False) -> list[Change]:
    """Return what differs, sorted by key. With `same_server` another host or port is another name of the same one."""
    keys = sorted(key for key in live.keys() | wanted.keys() if live.get(key) != wanted.get(key))
    return [_change(key, live.get(key), wanted.get(key), same_server=same_server) for key in keys]


def shown(key: str, value: str | None) -> str | None:
    """Return a setting's value; of a secret only a reference as a whole, which anybody may see."""
    if value is None or not is_secret(key) or is_reference(value):
        return value
    return MASK


def _less(one: list[str], other: list[str]) -> str:
    own = [entry for entry in one if entry not in other]
    return ",".join(own if len(own) == len(one) else ["...", *own])


def _change(key: str, before: str | None, after: str | None, *, same_server: bool) -> Change:
    impact = Impact.RESTART if same_server and key in SERVER else impact_of(key)
    if key == TABLES and captured({TABLES: before or ""}) - captured({TABLES: after or ""}):
        impact = Impact.END
    return Change(key, shown(key, before), shown(key, after), impact.word, WHY[impact])
