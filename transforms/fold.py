"""Contributions to one canonical row, folded column by column, as the derive worker folds them by SQL.

A contribution whose value is NULL says nothing of that column. While one of a live source row is there, those of
deleted rows do not count; when all are deleted, the row is a tombstone of what they said.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transforms import refusal
from transforms.errors import Refused
from transforms.mapping import ORDER, WARNINGS, Conflict, Fold, Rule, Said


@dataclass(frozen=True, slots=True)
class Folded:
    """The folded row, by column but those of the key; `marked`: it is a tombstone."""

    values: Map[str, object]
    conflicts: frozenset[Conflict]
    marked: bool


def fold_said(fold: Fold, said: Sequence[Said], decided: Map[str, object] | None = None) -> Folded:
    """Return the row of what is said of one key, at least one contribution; raise `Refused` if it lacks a value.

    `decided`: what columns have by a waiver (`transforms.waiver`), whatever is said of them.
    """
    counted = counting(said)
    values = {name: _taken(name, rule, counted) for name, rule in fold.rules.items()} | dict(decided or {})
    for column in fold.target.columns:
        if column.required and column.name in values and values[column.name] is None:
            raise Refused(refusal.REQUIRED, column.name, "no contribution says it")
    conflicts = frozenset(
        Conflict(name, one.mapping, one.source_key, one.values[name])
        for name in fold.rules
        for one in counted
        if one.values.get(name) is not None and one.values[name] != values[name]
    )
    return Folded({**values, WARNINGS: _warnings(counted)}, conflicts, all(one.deleted for one in said))


def counting(said: Sequence[Said]) -> list[Said]:
    """Return the contributions that count: those of live rows, if there are any."""
    return [one for one in said if not one.deleted] or list(said)


def _taken(name: str, rule: Rule, counted: Sequence[Said]) -> object:
    saying = [one for one in counted if one.values.get(name) is not None]
    if rule.take == "owner":
        saying = [one for one in saying if one.source == rule.owner]
    if rule.take == "max":
        values: list[Any] = [one.values[name] for one in saying]
        return max(values, default=None)
    ranked = _ranked(saying, latest=rule.take != "first")
    return ranked[0].values[name] if ranked else None


def _ranked(saying: Sequence[Said], *, latest: bool) -> list[Said]:
    """Return them by `order`, those without one behind all others; ties go by source, mapping and source key."""
    tied = sorted(saying, key=lambda one: (one.source, one.mapping, one.source_key))
    ordered = sorted((one for one in tied if _order(one) is not None), key=_order, reverse=latest)
    return [*ordered, *(one for one in tied if _order(one) is None)]


def _order(one: Said) -> Any:
    return one.values.get(ORDER)


def _warnings(counted: Sequence[Said]) -> list[str] | None:
    told = {f"{one.mapping} {each}" for one in counted for each in _list(one.values.get(WARNINGS))}
    return sorted(told) or None


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []
