"""What landing is to do where a source's tables change: `drift` of a connector file, for each kind of change a policy.

A change that no mirror can follow stops landing whatever is said here, and a value that does not fit is refused: its
row counts as stale and what derives from it is held. A file may say that (`value: hold`); there is no other policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

COLUMN_ADDED: Final = "column_added"
COLUMN_DROPPED: Final = "column_dropped"
TYPE_WIDENED: Final = "type_widened"
EVOLVE: Final = "evolve"
HALT: Final = "halt"
IGNORE: Final = "ignore"

POLICIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        COLUMN_ADDED: (EVOLVE, HALT, IGNORE),
        COLUMN_DROPPED: (EVOLVE, HALT),
        TYPE_WIDENED: (EVOLVE, HALT),
        "value": ("hold",),
    }
)
"""By kind of change the policies that there are, the default first."""

DriftPolicy = Mapping[str, str]
"""By kind of change the policy that a connector file names; a kind that it does not name has the default."""
EVOLVING: Final[DriftPolicy] = MappingProxyType({})


def policy_for(policy: DriftPolicy, kind: str) -> str:
    """Return what is said of a kind of change: one of POLICIES."""
    return policy.get(kind, POLICIES[kind][0])


def policy_faults(group: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong with the entry `drift`: the place in it, and what is to be said."""
    if not isinstance(group, dict):
        yield (), "drift is not a group of entries"
        return
    for kind, said in group.items():
        if kind not in POLICIES:
            yield (str(kind),), f"{kind} is not an entry of drift"
        elif said not in POLICIES[kind]:
            yield (kind,), f"{kind} is none of {', '.join(POLICIES[kind])}"
