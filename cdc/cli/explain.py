"""`cdc explain`: why a row is what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

import psycopg
import typer

from cdc.capture.source import load_sources
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.reveal import Reveal, RevealReason, masks_or_look, require_reason
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.evidence.explanation import Explainer, Explanation, MirrorExplanation, Part
from cdc.evidence.snapshot import snapshot
from cdc.land.journal import SHREDDED
from cdc.protect.mask import Masks
from cdc.protect.seal import Opener
from cdc.store.connection import as_service_errors, connect
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]


def explain(
    context: typer.Context,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A canonical table (`trace.material`) or a mirror (`erp.t_ICItem`).")
    ],
    key: Annotated[list[str], typer.Argument(metavar="KEY...", help="The values of its key, in order.")],
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object. Of a canonical row: table, key, values, stamps, dictionary (digest, version, "
            "activated_at, signatures, in_force), parts (list of mapping, source, source_key, deleted, event, "
            "archived, rules: column, field, rule, code_set, units, before, after), folded (column to rule), warnings, "
            "conflicts. Of a mirror row: table, key, values, stamps, event, archived. An event is stream, offset, "
            "batch, operation, transaction, position, committed_at, landed_at, digest, proof (first_offset, "
            "next_offset, before, head, holds); archived names the file that has it, where the journal has not; "
            "shredded (beside it) says when and by whom the key of the event was shredded, if it was.",
        ),
    ] = False,
) -> None:
    """Explain a row: the events that it comes from, the rule of each column with the values before and after it.

    With warnings, conflicts between sources, the dictionary that it was derived by, and the proof that each event
    stands in the chain of its stream. Personal values are masked, and those of columns that the dictionary does not
    name. Exit code 3 if there is no such row, or if a proof does not hold, 4 if an event cannot be read any more
    because its key was shredded.
    """
    require_reason(reveal, reason)
    read = settings(context)
    with as_service_errors(), connect(read.target, "cdc explain") as connection:
        connection.autocommit = True
        dictionary = dictionary_in_force(connection, read)
        shown = masks_or_look(connection, dictionary, ("explain", f"{table} {', '.join(key)}"), reveal, reason)
        with snapshot(connection):
            found = _explain(connection, read, dictionary, table, tuple(key))
    if found is None:
        say(f"There is no row {', '.join(key)} in {table}.")
        raise typer.Exit(Exit.DIFFERENT)
    found = _masked(shown, found)
    if as_json:
        write_json(asdict(found))
    else:
        _write(found)
    raise typer.Exit(_exit_code(found))


def _exit_code(found: Explanation | MirrorExplanation) -> Exit:
    parts = _parts(found)
    if not all(one.event.proof.holds for one in parts if one.event is not None):
        return Exit.DIFFERENT
    return Exit.ATTENTION if any(one.shredded for one in parts) else Exit.OK


def _explain(
    connection: Connection, read: Settings, dictionary: Dictionary, table: str, key: tuple[str, ...]
) -> Explanation | MirrorExplanation | None:
    sources = load_sources(read.folders.connector_configs)
    kinds = {name: source.kind for name, source in sources.items()}
    explainer = Explainer(
        Opener(connection, read.protection), dictionary, list(bound_domains(connection, dictionary)), kinds
    )
    if table.partition(".")[0] in sources:
        return explainer.explain_mirror(table, key)
    return explainer.explain(table, key)


def _masked(shown: Masks, found: Explanation | MirrorExplanation) -> Explanation | MirrorExplanation:
    key, values = tuple(shown.key(found.table, found.key)), shown.row(found.table, found.values)
    if isinstance(found, MirrorExplanation):
        return replace(found, key=key, values=values)
    source_key = shown.source_key
    return replace(
        found,
        key=key,
        values=values,
        stamps=_stamps(shown, found.stamps),
        parts=tuple(_masked_part(shown, found.table, part) for part in found.parts),
        conflicts=found.conflicts
        and [
            {
                **one,
                "source_key": source_key(one["mapping"], one["source_key"]),
                "value": shown.value(found.table, one["column"], one["value"]),
            }
            for one in found.conflicts
        ],
    )


def _stamps(shown: Masks, stamps: Mapping[str, Any]) -> dict[str, Any]:
    return {**stamps, "_source_key": shown.source_key(stamps["_mapping"], stamps["_source_key"])}


def _masked_part(shown: Masks, table: str, part: Part) -> Part:
    """Return what a source row gives; what a masked column is made of is masked with it."""
    rules = tuple(
        replace(
            rule,
            before={name: shown.taken(part.mapping, name, value) for name, value in rule.before.items()},
            after=shown.value(table, rule.column, rule.after),
        )
        for rule in part.rules
    )
    return replace(part, source_key=tuple(shown.source_key(part.mapping, part.source_key)), rules=rules)


def _parts(found: Explanation | MirrorExplanation) -> Sequence[Part | MirrorExplanation]:
    return found.parts if isinstance(found, Explanation) else (found,)


def _write(found: Explanation | MirrorExplanation) -> None:
    if isinstance(found, MirrorExplanation):
        write_table(f"{found.table} {', '.join(found.key)}", ("column", "value"), list(found.values.items()))
        _write_event(found)
        return
    rows = [(name, value, found.folded.get(name)) for name, value in found.values.items()]
    write_table(f"{found.table} {', '.join(found.key)}", ("column", "value", "folded"), rows)
    version = found.dictionary
    state = "in force" if version.in_force else "not in force any more"
    write_line(
        f"derived by dictionary {version.version} ({version.digest[:12]}, {state}), {found.stamps['_derived_at']}"
    )
    for signature in version.signatures:
        write_line(f"  signed: {signature}")
    for warning in found.warnings:
        write_line(f"warning: {warning}")
    for conflict in found.conflicts or ():
        write_line(f"conflict: {conflict}")
    for part in found.parts:
        _write_part(part)


def _write_part(part: Part) -> None:
    gone = ", deleted in the source" if part.deleted else ""
    write_line()
    write_line(f"{part.source} {', '.join(part.source_key)} by mapping {part.mapping}{gone}")
    _write_event(part)
    rows = [
        (
            rule.column,
            rule.rule,
            ", ".join(f"{name} = {_shown(value)}" for name, value in rule.before.items()),
            rule.after,
        )
        for rule in part.rules
    ]
    write_table("Rules", ("column", "rule", "from", "gives"), rows)


def _write_event(part: Part | MirrorExplanation) -> None:
    event = part.event
    if event is None:
        where = f"in the archive, file {part.archived} (EVD-107)" if part.archived else "not in the journal"
        write_line(f"  its event is {part.shredded} ({SHREDDED})" if part.shredded else f"  its event is {where}")
        return
    write_line(
        f"  {event.stream} offset {event.offset}, transaction {event.transaction or '-'}, at {event.position or '-'},"
        f" committed {event.committed_at or '-'}, landed {event.landed_at} in batch {event.batch}"
    )
    proof = "holds" if event.proof.holds else "DOES NOT HOLD: see runbooks/evidence-broken.md"
    write_line(
        f"  record {event.digest[:16]}, chain {event.proof.before[:16] or '-'} to {event.proof.head[:16]} {proof}"
    )


def _shown(value: str | None) -> str:
    return "NULL" if value is None else value
