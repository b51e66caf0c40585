"""What a turn takes: every source row whose outcome may have changed. Taking too much costs time, too little is wrong.

A row's outcome is a function of the row, of the rows it looks up and of what is stale, so what to take is

- rows whose keys changed, and for a TRUNCATE every row known of the mapping;
- rows that looked up a changed row. Follow a row whose look-ups changed: up to the first look-up that changed, its
  chain finds what it found before, so the value it looks up by is what it was. That value is matched by a changed row's
  old or new values; and from there the **current** mirrors lead back to the row;
- rows that are held because a row they look up is stale: once that row is healed, its values may be what they were;
- what an operator queued.

The functions of CLAUSES, PATHS and VALUES are these, one each: a test takes them out one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from cdc.derive.mirror import Mirror, same
from cdc.derive.names import literal, quoted
from cdc.derive.plan import Step
from cdc.derive.session import Work, taking
from transforms.mapping import Lookup

STALE = "STL-101"
"""The dictionary's code for rows that derive from, or look up, a row that is behind the source."""


def take_changed(work: Work) -> None:
    """Take rows whose own keys changed."""
    work.take((step, _changed(step)) for step in work.plan.steps if work.has_changed(step.source))


def take_truncated(work: Work) -> None:
    """Take every row known of a mapping that reads a truncated mirror."""
    for step in work.plan.steps:
        if any(map(work.is_truncated, step.mirrors.values())):
            work.take_one(step, every_row(step))


def take_healed(work: Work) -> None:
    """Take rows that are held because a row they look up was stale, and that row has changed."""
    if not work.window.held_as_stale:
        return
    work.take((step, _healed(step)) for step in work.plan.steps if any(map(work.has_changed, _looked_up(step))))


def take_queued(work: Work) -> None:
    """Take what an operator queued: single rows, or all of a mapping."""
    for step in work.plan.steps:
        if step.mapping.name in work.window.queued_whole:
            work.take_one(step, every_row(step))
        elif step.mapping.name in work.window.queued:
            work.take_one(step, _queued(step))


def take_looking_up(work: Work) -> None:
    """Take rows that looked up a changed row, by its old and new values."""
    steps = [step for step in work.plan.steps if any(map(work.has_changed, _looked_up(step)))]
    mirrors = dict.fromkeys(mirror for step in steps for mirror in _looked_up(step) if work.has_changed(mirror))
    moved = _keep_moved(work, list(mirrors))
    for step in steps:
        for lookup in (lookup for path in PATHS for lookup in path(step)):
            known = moved.get(step.mirrors[lookup.alias])
            if known == "unknown":
                work.take_one(step, every_row(step))
            elif known == "known":
                work.take_one(step, _looking_up(step, lookup, VALUES))


def direct(step: Step) -> Iterator[Lookup]:
    """Yield the look-ups by values of the source row alone."""
    return (lookup for lookup in step.mapping.lookups if all(match.alias == "" for match in lookup.match))


def chained(step: Step) -> Iterator[Lookup]:
    """Yield the look-ups by values of another look-up."""
    return (lookup for lookup in step.mapping.lookups if any(match.alias != "" for match in lookup.match))


def new_values(step: Step, lookup: Lookup) -> Iterator[str]:
    """Yield queries for the match values that changed rows have now, as a live row or as a deleted one."""
    mirror = step.mirrors[lookup.alias]
    for name in _images(step, mirror):
        values = ", ".join(f"x.{quoted(match.column)}" for match in lookup.match)
        yield f"SELECT {values} FROM {_of(mirror)} JOIN {name} x ON {mirror.has_key('x', 'j.key')}"


def old_values(step: Step, lookup: Lookup) -> Iterator[str]:
    """Yield a query for the match values that changed rows had before."""
    mirror = step.mirrors[lookup.alias]
    names = [match.column for match in lookup.match]
    values = ", ".join(f"(j.old ->> {literal(name)})::{mirror.types[name]}" for name in names)
    yield f"SELECT {values} FROM {_of(mirror)} WHERE j.old IS NOT NULL"


CLAUSES: list[Callable[[Work], None]] = [take_changed, take_truncated, take_healed, take_queued, take_looking_up]
"""In this order: the last one drops from `changed` what concerns no look-up."""

PATHS: list[Callable[[Step], Iterator[Lookup]]] = [direct, chained]
VALUES: list[Callable[[Step, Lookup], Iterator[str]]] = [new_values, old_values]


def take_rows(work: Work) -> None:
    """Take what the batches of the window changed."""
    if work.window.everything:
        for step in work.plan.steps:
            work.take_one(step, every_row(step))
        return
    for clause in CLAUSES:
        clause(work)


def read_by_others(steps: tuple[Step, ...], mirror: Mirror) -> list[str]:
    """Return the columns by which look-ups find rows of the mirror and those they read, sorted."""
    read: set[str] = set()
    for step in steps:
        for lookup in step.mapping.lookups:
            if step.mirrors[lookup.alias].ref == mirror.ref:
                read |= {*lookup.columns, *columns_read(step, lookup.alias)}
    return sorted(read)


def columns_read(step: Step, alias: str) -> list[str]:
    """Return the columns of the source row ("") or of a look-up that inputs or other look-ups need, sorted."""
    read = {value.column for value in step.mapping.inputs if value.alias == alias and value.column is not None}
    for lookup in step.mapping.lookups:
        read |= {column for side, column in lookup.sides if side == alias}
    return sorted(read)


def _looked_up(step: Step) -> list[Mirror]:
    return [step.mirrors[lookup.alias] for lookup in step.mapping.lookups]


def _images(step: Step, mirror: Mirror) -> tuple[str, ...]:
    return step.images(mirror)


def _of(mirror: Mirror) -> str:
    return f"(SELECT * FROM pg_temp.changed WHERE mirror = {literal(str(mirror.ref))} AND key IS NOT NULL) j"


@cache
def _changed(step: Step) -> bytes:
    return taking(step, f"SELECT j.key FROM {_of(step.source)}")


@cache
def every_row(step: Step) -> bytes:
    """Return the statement that takes every row that the source has, or that anything is known of."""
    return taking(step, known_rows(step))


def known_rows(step: Step) -> str:
    """Return the query for the key of every row that the source has, or that anything is known of; not each once."""
    rows = [f"SELECT {step.source.key_text('m')} FROM {name} m" for name in _images(step, step.source)]
    tables = [name for fill in step.fills for name in (fill.canonical, fill.held)]
    tables += [contribution.stored for contribution in step.contributions]
    rows += [f"SELECT _source_key FROM {name} WHERE _mapping = {step.name}" for name in tables]
    rows.append(f"SELECT source_key FROM {step.codes} WHERE mapping = {step.name}")
    return " UNION ALL ".join(rows)


@cache
def _healed(step: Step) -> bytes:
    mirrors = ", ".join(sorted({literal(str(mirror.ref)) for mirror in _looked_up(step)}))
    return taking(
        step,
        f"SELECT h.source_key FROM pg_temp.changed j"
        f" JOIN {step.codes} h ON h.waits_for = j.mirror AND h.waits_key = j.key"
        f" WHERE j.mirror IN ({mirrors}) AND h.code = {literal(STALE)} AND h.mapping = {step.name}",
    )


@cache
def _queued(step: Step) -> bytes:
    return taking(step, f"SELECT source_key FROM cdc.derive_queue WHERE mapping = {step.name}")


def _keep_moved(work: Work, mirrors: list[Mirror]) -> dict[Mirror, str]:
    """Drop from `changed` the rows of mirrors whose values no look-up can tell from the old ones.

    Returns for each of them `none` if no row is left, `unknown` if landing did not know yet that a column is looked up
    by, else `known`.
    """
    steps = work.plan.steps
    work.run_all(_drop_unmoved(steps, mirror) for mirror in mirrors)
    counts = [cursor.fetchone() or (0, 0) for cursor in work.run_all(_count_moved(steps, each) for each in mirrors)]
    return {
        mirror: "none" if not count else "unknown" if unknown else "known"
        for mirror, (count, unknown) in zip(mirrors, counts, strict=True)
    }


@cache
def _drop_unmoved(steps: tuple[Step, ...], mirror: Mirror) -> bytes:
    names = read_by_others(steps, mirror)
    alike = " AND ".join(f"x.{quoted(name)}::text IS NOT DISTINCT FROM j.old ->> {literal(name)}" for name in names)
    ref = literal(str(mirror.ref))
    known = ", ".join(map(literal, names))
    return (
        f"DELETE FROM pg_temp.changed j USING {mirror.name} x WHERE j.mirror = {ref} AND {mirror.has_key('x', 'j.key')}"
        f" AND j.op = 'u' AND j.old ?& ARRAY[{known}] AND NOT j.old ? '_deleted' AND {alike}"
        f" AND NOT EXISTS (SELECT FROM cdc.stale s WHERE s.mirror = {ref} AND s.key = j.key)"
    ).encode()


@cache
def _count_moved(steps: tuple[Step, ...], mirror: Mirror) -> bytes:
    known = ", ".join(map(literal, read_by_others(steps, mirror)))
    return f"SELECT count(*), count(*) FILTER (WHERE NOT j.old ?& ARRAY[{known}]) FROM {_of(mirror)}".encode()


def _looking_up(step: Step, lookup: Lookup, values: list[Callable[[Step, Lookup], Iterator[str]]]) -> bytes:
    return _looking_up_by(step, lookup, tuple(values))


@cache
def _looking_up_by(step: Step, lookup: Lookup, values: tuple[Callable[[Step, Lookup], Iterator[str]], ...]) -> bytes:
    """Return the statement that goes back from the match values of changed rows to the source rows."""
    names = ", ".join(f"c{place}" for place in range(len(lookup.match)))
    queries = " UNION ".join(query for value in values for query in value(step, lookup)) or "SELECT NULL LIMIT 0"
    chain = [*ancestors(step, lookup), ""]
    tables = [f"JOIN {_any_image(step, alias)} ON true" for alias in chain]
    conditions = [
        same((f"v.c{place}", step.type_of(lookup.alias, match.column)), _side(step, match.alias, match.source_column))
        for place, match in enumerate(lookup.match)
    ]
    for alias in chain[:-1]:
        conditions += [
            same(_side(step, alias, match.column), _side(step, match.alias, match.source_column))
            for match in step.lookup(alias).match
        ]
    return taking(
        step,
        f"SELECT {step.source.key_text(_alias(step, ''))} FROM ({queries}) v ({names}) {' '.join(tables)}"
        f" WHERE {' AND '.join(conditions)}",
    )


def ancestors(step: Step, lookup: Lookup) -> list[str]:
    """Return the aliases that a look-up hangs on, nearest first, without the source row."""
    found: list[str] = []
    for match in lookup.match:
        if match.alias and match.alias not in found:
            found.append(match.alias)
            found += [alias for alias in ancestors(step, step.lookup(match.alias)) if alias not in found]
    return found


def _alias(step: Step, alias: str) -> str:
    return f"t{list(step.mirrors).index(alias)}"


def _side(step: Step, alias: str, column: str) -> tuple[str, str]:
    return f"{_alias(step, alias)}.{quoted(column)}", step.type_of(alias, column)


def _any_image(step: Step, alias: str) -> str:
    mirror = step.mirrors[alias]
    names = {*mirror.key, *columns_read(step, alias)}
    if alias:
        names |= {match.column for match in step.lookup(alias).match}
    listed = ", ".join(map(quoted, sorted(names)))
    images = " UNION ALL ".join(f"SELECT {listed} FROM {name}" for name in _images(step, mirror))
    return f"({images}) {_alias(step, alias)}"
