"""What is decided of a whole source: which tables, in which order, and the policies that hold for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Protocol

from cdc.capture.contract import Contract
from cdc.capture.login import login_of
from cdc.capture.onboard import binlog, postgresql
from cdc.capture.onboard.decision import LEFT_OUT, Decision, Draft, Found, Name, Plan, written
from cdc.capture.onboard.order import parents_first
from cdc.capture.source import Source, is_object_name
from cdc.errors import FatalError

_SHOWN = 3


class Survey(Protocol):
    """What a product's catalogue was read into."""

    @property
    def found(self) -> Mapping[Name, Found]: ...  # noqa: D102 - as of the products
    @property
    def others(self) -> tuple[Decision, ...]: ...  # noqa: D102
    def drafts(self, source: Source, names: Iterable[Name]) -> tuple[dict[Name, Draft], list[Decision]]: ...  # noqa: D102
    def contracts(self, source: Source) -> tuple[Contract, ...]: ...  # noqa: D102
    def grants(self, source: Source) -> tuple[str, ...]: ...  # noqa: D102
    def publishing(self, source: Source) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of a database's tables are wanted: shell patterns of `table` or `schema.table`; empty: all."""

    schemas: Sequence[str] = ()
    tables: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def takes(self, name: Name) -> bool:
        """Tell whether a table is wanted."""
        if self.schemas and name[0] not in self.schemas:
            return False
        return (not self.tables or _matches(name, self.tables)) and not _matches(name, self.exclude)

    def in_vain(self, names: Iterable[Name]) -> list[str]:
        """Return schemas and patterns that no table has: as a rule they are misspelt."""
        listed = list(names)
        schemas = [schema for schema in self.schemas if schema not in {name[0] for name in listed}]
        patterns = (*self.tables, *self.exclude)
        return schemas + [one for one in patterns if not any(_matches(name, [one]) for name in listed)]


def _matches(name: Name, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in (name[1], written(name)))


def survey_of(source: Source, variables: Mapping[str, str]) -> Survey:
    """Read the catalogue of a live source. Raises as `cdc.capture.catalogue.read_contracts`."""
    login = login_of(source, variables)
    return binlog.survey(source, login) if source.has_binlog else postgresql.survey(source, login)


def plan(source: Source, survey: Survey, choice: Choice) -> Plan:
    """Decide what the connector file is to have; of `source` the tables do not count.

    Raises SRC-351 if nothing is left to capture, or for a pattern that is in vain.
    """
    source = replace(source, tables=())
    names = {*survey.found, *(_name(source, other) for other in survey.others)}
    if vain := choice.in_vain(names):
        raise FatalError("SRC-351", f"{source.name}: no table is {', '.join(vain)}")
    wanted = [name for name in survey.found if choice.takes(name)]
    usable, decisions = distinct(wanted)
    drafts, refused = survey.drafts(source, usable)
    decisions = [*(other for other in survey.others if choice.takes(_name(source, other))), *decisions, *refused]
    if not drafts:
        raise FatalError("SRC-351", f"{source.name}: {len(wanted)} of {len(survey.found)} tables are wanted")
    order, circles = parents_first({name: survey.found[name].parents for name in drafts})
    decisions += [decision for name in order for decision in drafts[name].decisions]
    decisions += [_circle(circle) for circle in circles]
    chosen = replace(source, tables=tuple(drafts[name].table for name in order))
    chosen, contracts, policy = with_zero_dates(chosen, survey)
    own = tuple(statement for name in order for statement in drafts[name].statements)
    passed_over = len(survey.found) - len(wanted)
    remarks = (f"{passed_over} other tables of the database were not asked for.",) if passed_over else ()
    return Plan(
        chosen,
        contracts,
        tuple(survey.found[name] for name in order),
        (*policy, *decisions),
        # In this order: a table that is published without an identity refuses its application's updates.
        (*survey.grants(chosen), *own, *survey.publishing(chosen)),
        remarks,
    )


def _name(source: Source, decision: Decision) -> Name:
    schema, _, table = decision.table.partition(".")
    return (schema, table) if not source.has_binlog else ("", decision.table)


def distinct(names: Iterable[Name]) -> tuple[list[Name], list[Decision]]:
    """Leave out what the connector cannot be told of, and what would have the mirror of another table."""
    kept: dict[str, Name] = {}
    refused = []
    for name in names:
        own = written(name)
        if not all(is_object_name(part) for part in name if part):
            why = "its name has a character that connectors cannot be given"
            refused.append(Decision(own, LEFT_OUT, why, "SRC-204"))
        elif (other := kept.setdefault(name[1].lower(), name)) != name:
            why = f"it would have the mirror of {written(other)}"
            if name[0] != other[0]:
                why += f": make schema {name[0]} a source of its own, `cdc connectors init NAME --schema {name[0]}`"
            refused.append(Decision(own, LEFT_OUT, why, "SRC-101"))
    return list(kept.values()), refused


def _circle(circle: Iterable[Name]) -> Decision:
    listed = sorted(map(written, circle))
    why = "their foreign keys refer to each other in a circle, so no order has all parents first"
    return Decision(listed[0], f"before {', '.join(listed[1:])}", why)


def with_zero_dates(source: Source, survey: Survey) -> tuple[Source, tuple[Contract, ...], list[Decision]]:
    """Return the source with the policy that it needs, its contracts, and the decision if there is one."""
    if not source.has_binlog:
        return source, survey.contracts(source), []
    lenient = replace(source, zero_dates="as_null")
    contracts = survey.contracts(lenient)
    places = [f"{one.table}.{column.name}" for one in contracts for column in one.columns if column.zero_date_is_null]
    if not places:
        return source, contracts, []
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    why = (
        f"{', '.join(places[:_SHOWN])}{more} may be NULL, and the log has a zero date there as NULL; if a zero date"
        " means something else to the applications, name the columns under without"
    )
    return lenient, contracts, [Decision("", "zero_dates: as_null", why, "SRC-206")]
