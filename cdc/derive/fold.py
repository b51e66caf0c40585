"""What several mappings say of one canonical row, kept, and folded column by column.

A contribution is what a source row says, by itself: nothing that happens to other rows changes it, so it is written as
soon as it is staged. The folded row of each key that is or was contributed to is then a candidate like any other one:
it waits for what it refers to, and is held under the fold's name.

A contribution whose value is NULL says nothing of that column. As long as a contribution of a live source row is there,
those of deleted rows do not count; when all are deleted, the row is a tombstone of what they said. A value that differs
from the one that was taken is recorded on the row (`_conflicts`), with who said it, and so are all warnings
(`_warnings`). Where a field keeps what the source said, a folded row has that of the contribution whose value it took;
for the key, which they all have, of the first one.

A row of which somebody has decided what it lacks, or what of it cannot stay, has that instead of what is said; who said
otherwise is recorded as for any value that was not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from cdc.derive.mirror import collated
from cdc.derive.names import columns, equal, literal, quoted
from cdc.derive.plan import Contribution, Fill, Merge
from cdc.derive.session import STAGE_META, Work, taking, written_columns
from cdc.derive.waived import decided, read_waivers
from transforms import refusal
from transforms.mapping import CONFLICTS, ORDER, RAW, WARNINGS, Column, Fold, Rule

CONTRIBUTED: Mapping[str, str] = {
    "_mapping": "text NOT NULL",
    "_source_key": 'text[] COLLATE "C" NOT NULL',
    "_source": "text NOT NULL",
    "_source_offset": "bigint NOT NULL",
    "_source_ts": "timestamptz",
    "_deleted": "boolean NOT NULL",
}
"""What every contribution says of its source row."""


def contributed(merge: Merge) -> list[Column]:
    """Return the columns of the table of contributions that are not about the source row."""
    said = [column for column in merge.fold.target.columns if column.name != CONFLICTS]
    return [*said, *([Column(ORDER, merge.fold.order, required=False)] if merge.fold.order else [])]


def fold_rows(work: Work) -> None:
    """Keep what the taken rows contribute, and stage the folded row of each key that is concerned."""
    for merge in work.plan.merges:
        taken = [one for one in merge.contributions if _step_is_taken(work, one)]
        for statement in _keys(work, merge, taken):
            work.take_one(merge, statement)
        work.run_all(_keeping(work, taken))
        _stage_folded(work, merge)


def _keeping(work: Work, taken: list[Contribution]) -> Iterator[bytes]:
    for contribution in taken:
        yield _forget(contribution)
        if contribution in work.staged:
            yield _keep(contribution)


def fold_everything(work: Work) -> None:
    """Do the same where nothing is kept yet, and all is staged."""
    for merge in work.plan.merges:
        for contribution in (one for one in merge.contributions if one in work.staged):
            work.run(_keep_first(contribution))
        work.take_one(merge, _every_key(merge))
        _stage_folded(work, merge)


def _stage_folded(work: Work, merge: Merge) -> None:
    if merge in work.taken:
        waivers = read_waivers(work, merge)
        if waivers:
            staged = work.run(folding(merge, waived=True), (decided(merge, waivers),))
        else:
            staged = work.run(folding(merge))
        work.note_staged(merge.fill, staged.rowcount)
        work.grow(work.staged.get(merge.fill, 0), merge.fill.stage)


def _step_is_taken(work: Work, contribution: Contribution) -> bool:
    return any(contribution in step.contributions and step in work.taken for step in work.plan.steps)


def _keys(work: Work, merge: Merge, taken: list[Contribution]) -> list[bytes]:
    """Return the statements that take the keys concerned."""
    window = work.window
    statements = [taking(merge, " UNION ALL ".join(keys(one) for keys in TOUCHED)) for one in taken]
    if window.everything or str(merge.fold) in window.queued_whole:
        statements.append(_every_key(merge))
    elif str(merge.fold) in window.queued:
        query = f"SELECT source_key FROM cdc.derive_queue WHERE mapping = {merge.name} AND source_key IS NOT NULL"
        statements.append(taking(merge, query))
    return statements


def _text_of(key: tuple[str, ...], row: str) -> str:
    return f"ARRAY[{', '.join(f'{row}.{quoted(name)}::text' for name in key)}]"


def said_before(contribution: Contribution) -> str:
    """Return the query for the keys that the taken rows contributed to."""
    return (
        f"SELECT {_text_of(contribution.key, 'c')} FROM {contribution.take} t JOIN {contribution.stored} c"
        f" ON {contribution.is_of('c', 't.key')}"
    )


def said_now(contribution: Contribution) -> str:
    """Return the query for the keys that they contribute to now."""
    return f"SELECT {_text_of(contribution.key, 's')} FROM {contribution.stage} s WHERE s._candidate"


# The functions of this list are clauses: a test takes them out one by one.
TOUCHED: list[Callable[[Contribution], str]] = [said_before, said_now]


@cache
def _every_key(merge: Merge) -> bytes:
    """Take all keys that anything is known of."""
    return taking(merge, known_keys(merge))


def known_keys(merge: Merge) -> str:
    """Return the query for all keys that anything is known of; not each once."""
    fill = merge.fill
    rows = [f"SELECT _source_key FROM {name} WHERE _mapping = {merge.name}" for name in (fill.canonical, fill.held)]
    rows.append(f"SELECT {_text_of(fill.key, 'c')} FROM {merge.stored} c")
    rows.append(f"SELECT source_key FROM {fill.codes} WHERE mapping = {merge.name}")
    return " UNION ALL ".join(rows)


@cache
def _forget(contribution: Contribution) -> bytes:
    """Remove what the taken rows do not say any more."""
    return (
        f"DELETE FROM {contribution.stored} c USING {contribution.take} t WHERE {contribution.is_of('c', 't.key')}"
        f" AND NOT EXISTS (SELECT FROM {contribution.stage} s WHERE s._candidate AND s._source_key = t.key"
        f" AND {equal(contribution.key, 's', 'c')})"
    ).encode()


def _keep_first(contribution: Contribution) -> bytes:
    """Write what they say into a table that has nothing of it."""
    written = (*STAGE_META, *contribution.columns)
    return (
        f"INSERT INTO {contribution.stored} (_mapping, _source, {columns(written)}) SELECT {contribution.name},"
        f" {contribution.source}, {columns(written, 's')} FROM {contribution.stage} s WHERE s._candidate"
    ).encode()


@cache
def _keep(contribution: Contribution) -> bytes:
    """Write what they say now, where it differs."""
    written = (*STAGE_META, *contribution.columns)
    values = written_columns(contribution, "s")
    key = ("_mapping", "_source_key", *contribution.key)
    changing = [name for name in written if name not in key]
    updates = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in changing)
    return (
        f"INSERT INTO {contribution.stored} AS c (_mapping, _source, {columns(written)})"
        f" SELECT {contribution.name}, {contribution.source}, {values} FROM {contribution.stage} s WHERE s._candidate"
        f" ON CONFLICT ({columns(key)}) DO UPDATE SET {updates}"
        f" WHERE ({columns(changing, 'c')}) IS DISTINCT FROM ({columns(changing, 'excluded')})"
    ).encode()


@cache
def folding(merge: Merge, *, waived: bool = False) -> bytes:
    """Return the statement that stages the folded row of each key that is taken.

    `waived`: its parameter is what is decided of some of them (`cdc.derive.waived.decided`).
    """
    fill, fold = merge.fill, merge.fold
    said = [name for name in fill.columns if name in fold.rules]
    types = {column.name: column.type for column in fold.target.columns}
    key = columns(fill.key)
    values = {name: _taken(name, types[name], fold.rules[name], fold.order) for name in said}
    values |= {column.name: _taken_raw(column.raw_of, fold) for column in fold.target.columns if column.raw_of}
    taken = ", ".join(f"{value} AS {quoted(name)}" for name, value in values.items())
    missing = [name for name in said if any(one.name == name and one.required for one in fold.target.columns)]
    lacks = " ".join(f"WHEN f.{quoted(name)} IS NULL THEN {literal(name)}" for name in missing)
    lacking = f"CASE {lacks} END" if lacks else "NULL"
    written = (*STAGE_META, "_candidate", "_code", "_field", "_detail", *fill.columns)
    told = {CONFLICTS: "k.told", WARNINGS: "w.told || f._told" if waived else "w.told"}
    kept = [told.get(name) or f"f.{quoted(name)}" for name in fill.columns]
    statement = (
        f"WITH said AS (SELECT c.*, bool_or(NOT c._deleted) OVER (PARTITION BY {columns(fill.key, 'c')}) AS _live"
        f" FROM {fill.take} t JOIN {merge.stored} c ON {merge.has_key('c', 't.key')}),"
        f" counted AS (SELECT * FROM said WHERE _deleted <> _live),"
        f" {'taken' if waived else 'folded'} AS (SELECT {key}, max(_source_offset) AS _source_offset,"
        f" max(_source_ts) AS _source_ts, bool_and(_deleted) AS _deleted{', ' if taken else ''}{taken}"
        f" FROM counted GROUP BY {key}),{_decided(fill, types, list(values)) if waived else ''}"
        f" conflicts AS ({_conflicts(fill.key, said)}), warnings AS ({_warnings(fill.key)})"
        f" INSERT INTO {fill.stage} ({columns(written)})"
        f" SELECT {_text_of(fill.key, 'f')}, f._source_offset, f._source_ts, f._deleted, x.lacking IS NULL,"
        f" CASE WHEN x.lacking IS NOT NULL THEN {literal(refusal.REQUIRED)} END, x.lacking,"
        f" CASE WHEN x.lacking IS NOT NULL THEN 'no contribution says it' END, {', '.join(kept)}"
        f" FROM folded f LEFT JOIN conflicts k ON {equal(fill.key, 'k', 'f')}"
        f" LEFT JOIN warnings w ON {equal(fill.key, 'w', 'f')}"
        f" CROSS JOIN LATERAL (SELECT {lacking} AS lacking) x"
    )
    return (statement.replace("%", "%%").replace(_PARAMETER, "%s") if waived else statement).encode()


_PARAMETER = "$1"
"""Stands for the parameter until all other signs of per cent are doubled."""


def _decided(fill: Fill, types: Mapping[str, str], names: list[str]) -> str:
    """Return the query for the same rows with what is decided in the place of what was taken."""
    listed = ", ".join(
        f"CASE WHEN g.given ? {literal(name)} THEN (g.given ->> {literal(name)})::{types[name]}"
        f" ELSE f.{quoted(name)} END AS {quoted(name)}"
        for name in names
    )
    return (
        f" folded AS (SELECT {columns((*fill.key, '_source_offset', '_source_ts', '_deleted'), 'f')},"
        f" g.told AS _told{', ' if listed else ''}{listed} FROM taken f"
        f" LEFT JOIN jsonb_to_recordset({_PARAMETER}) AS g (key text, given jsonb, told text[])"
        f" ON g.key = {_text_of(fill.key, 'f')}::text),"
    )


def _taken(name: str, type_text: str, rule: Rule, order: str) -> str:
    """Return the aggregate that takes the value of one column."""
    value = quoted(name)
    if rule.take == "max":
        # PostgreSQL has no largest boolean; which text is the largest must not depend on the locale of a database.
        return f"bool_or({value})" if type_text == "boolean" else f"max({value}{collated(type_text)})"
    return _of_first(value, value, rule, order)


def _taken_raw(column: str, fold: Fold) -> str:
    """Return the aggregate that takes what the source of a column's value said."""
    rule, order = fold.rules.get(column, Rule("first")), fold.order
    if rule.take != "max":
        return _of_first(quoted(column + RAW), quoted(column), rule, order)
    types = {one.name: one.type for one in fold.target.columns}
    return _of_first(
        quoted(column + RAW), quoted(column), rule, "", f"{quoted(column)}{collated(types[column])} DESC, "
    )


def _of_first(value: str, present: str, rule: Rule, order: str, by_value: str = "") -> str:
    """Return the aggregate that takes `value` of the first row, as the rule has it, in which `present` is there."""
    ties = '_source COLLATE "C", _mapping COLLATE "C", _source_key'
    latest = f"{ORDER} DESC NULLS LAST, " if order else ""
    by = f"{ORDER} NULLS LAST, " if order and rule.take == "first" else latest
    whose = f" AND _source = {literal(rule.owner)}" if rule.take == "owner" else ""
    return f"(array_agg({value} ORDER BY {by_value}{by}{ties}) FILTER (WHERE {present} IS NOT NULL{whose}))[1]"


def _conflicts(key: tuple[str, ...], said: list[str]) -> str:
    """Return the query for what was said of rows and not taken, by key; no row where nothing was."""
    of_key = columns(key, "c")
    if not said:
        return f"SELECT {of_key}, NULL::jsonb AS told FROM counted c WHERE false"
    pairs = ", ".join(f"({literal(name)}, c.{quoted(name)}::text, f.{quoted(name)}::text)" for name in said)
    told = "'column', v.name, 'mapping', c._mapping, 'source_key', c._source_key, 'value', v.said"
    return (
        f'SELECT {of_key}, jsonb_agg(jsonb_build_object({told}) ORDER BY v.name, c._mapping COLLATE "C",'
        f" c._source_key) AS told FROM counted c JOIN folded f ON {equal(key, 'c', 'f')}"
        f" CROSS JOIN LATERAL (VALUES {pairs}) v (name, said, kept)"
        f" WHERE v.said IS NOT NULL AND v.said IS DISTINCT FROM v.kept GROUP BY {of_key}"
    )


def _warnings(key: tuple[str, ...]) -> str:
    """Return the query for what the contributions were warned of, by key, each with its mapping."""
    of_key = columns(key, "c")
    return (
        f"SELECT {of_key}, array_agg(DISTINCT w.told ORDER BY w.told) AS told FROM counted c CROSS JOIN LATERAL"
        f" (SELECT c._mapping || ' ' || x AS told FROM unnest(c.{WARNINGS}) x) w GROUP BY {of_key}"
    )
