"""Tables added to a source that is there: decided as for a new source, and put where their parents and children say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cdc.capture.contract import Contract
from cdc.capture.finding import raise_all
from cdc.capture.onboard.decision import Decision, Name, written
from cdc.capture.onboard.file import entry
from cdc.capture.onboard.insert import insert_policy, insert_table, place_among
from cdc.capture.onboard.order import parents_first
from cdc.capture.onboard.plan import Survey, distinct, with_zero_dates
from cdc.capture.source import Source
from cdc.errors import FatalError


@dataclass(frozen=True, slots=True)
class Addition:
    """A connector file with more tables: its text, contracts of the new ones, decisions, SQL for the DBA."""

    source: Source
    text: str
    contracts: tuple[Contract, ...]
    decisions: tuple[Decision, ...]
    statements: tuple[str, ...]


def add(source: Source, survey: Survey, wanted: Sequence[Name], text: str, listed: Sequence[Name] = ()) -> Addition:
    """Return the file `text` of a source with tables added to it; of those it has already, `listed`, the SQL alone.

    Raises SRC-120 for a table that the catalogue does not have or that is none, SRC-354 for one that is captured
    already, SRC-353 if the file cannot be edited, CON-113 for one without a key while the connector is to run; whatever
    else stands in a table's way, with its code.
    """
    before = [(table.schema, table.name) for table in source.tables]
    _check(source, survey, wanted, before)
    usable, refused = distinct((*before, *wanted))
    drafts, more = survey.drafts(source, [name for name in usable if name in wanted])
    raise_all([FatalError(one.code, one.why) for one in (*refused, *more)])
    keyless = [written(name) for name, draft in drafts.items() if draft.table.is_keyless]
    if keyless and source.state == "running":
        raise FatalError("CON-113", f"{source.name}: {', '.join(keyless)}")
    order, _ = parents_first({name: survey.found[name].parents for name in drafts})
    chosen, file = source, f"{source.name}.yaml"
    for name in order:
        index = _place(chosen, survey, name)
        text = insert_table(file, text, entry(drafts[name].table, map(str, drafts[name].decisions)), index)
        tables = chosen.tables
        chosen = replace(chosen, tables=(*tables[:index], drafts[name].table, *tables[index:]))
    decisions = [decision for name in order for decision in drafts[name].decisions]
    chosen, contracts, policy = with_zero_dates(chosen, survey)
    if policy and not source.zero_dates:
        text = insert_policy(file, text, [f"# {policy[0].code}: {policy[0].why}", policy[0].what])
        decisions += policy
    new = {f"{source.name}.{table}" for _, table in order}
    known, _ = survey.drafts(source, listed)
    tables = tuple(draft.table for draft in (*known.values(), *(drafts[name] for name in order)))
    only = replace(chosen, tables=tables)
    own = (
        statement for draft in (*known.values(), *(drafts[name] for name in order)) for statement in draft.statements
    )
    return Addition(
        chosen,
        text,
        tuple(one for one in contracts if one.mirror in new),
        tuple(decisions),
        (*survey.grants(only), *own, *survey.publishing(only)),
    )


def _check(source: Source, survey: Survey, wanted: Sequence[Name], before: Sequence[Name]) -> None:
    others = {one.table: one.why for one in survey.others}
    errors = []
    for name in wanted:
        if name in before:
            errors.append(FatalError("SRC-354", f"{source.name}: {written(name)}"))
        elif name not in survey.found:
            why = others.get(written(name), "")
            errors.append(FatalError("SRC-120", f"{written(name)} {why}".strip()))
    raise_all(errors)


def _place(source: Source, survey: Survey, name: Name) -> int:
    tables = [(table.schema, table.name) for table in source.tables]
    children = {one for one, found in survey.found.items() if name in found.parents}
    return place_among(tables, survey.found[name].parents, children)
