"""Tables parents first: the order of a connector file, which is the order of the first snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Set

from cdc.capture.onboard.decision import Name


def parents_first(parents: Mapping[Name, Set[Name]]) -> tuple[list[Name], list[frozenset[Name]]]:
    """Return the tables so that each stands behind those that its foreign keys refer to, by name where that is free.

    `parents` has an entry for every table; what is not among them does not count. Tables that refer to each other in a
    circle have no such order: the second value has each circle, whose first table by name stands before its parents.
    """
    waits = {name: {parent for parent in own if parent in parents and parent != name} for name, own in parents.items()}
    order: list[Name] = []
    circles: list[frozenset[Name]] = []
    while waits:
        ready = sorted(name for name, own in waits.items() if not own)
        if not ready:
            circle = _circle(waits)
            # What is left of a circle that was broken already is no news.
            if not any(circle <= known for known in circles):
                circles.append(circle)
            ready = [min(circle)]
        order += ready
        waits = {name: own - set(ready) for name, own in waits.items() if name not in ready}
    return order, circles


def _circle(waits: Mapping[Name, Set[Name]]) -> frozenset[Name]:
    """Return tables that refer to each other and to no others: of all ancestries the smallest is one."""
    return min((_ancestry(name, waits) for name in sorted(waits)), key=len)


def _ancestry(name: Name, waits: Mapping[Name, Set[Name]]) -> frozenset[Name]:
    """Return what a table refers to, through however many others; itself, if it is in a circle."""
    seen: set[Name] = set()
    ahead = set(waits[name])
    while ahead:
        seen |= ahead
        ahead = {parent for one in ahead for parent in waits[one]} - seen
    return frozenset(seen)
