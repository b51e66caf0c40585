"""The extract for an advisory notice as it is printed and kept: what a table, a CSV and a JSON file have of it.

A CSV for a spreadsheet has one kind of lines. What it is worth, the statement, is a CSV beside it; a list of digests of
both is what is signed (`cdc/evidence/recall.md`).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import msgspec

from cdc.cli.output import drawn_table, write_line, write_table
from cdc.evidence.completeness import Completeness
from cdc.evidence.recall import PARTY_FACTS, Holding, Recall
from cdc.evidence.signed import sign_file

Form = Literal["table", "csv", "json"]

_SHORT = ("lot", "serial", "how", "shipment", "shipped_at", "customer")
_COLUMNS = (*_SHORT, *PARTY_FACTS, "evidence", "committed_at", "deleted")
_SHOWN = len(_SHORT) + 2


def write(found: Recall, form: Form) -> None:
    """Print it: of a table its first columns, and in neither of table and CSV the statement."""
    if form == "table":
        write_table(*_table(found))
    else:
        write_line((_json(found) if form == "json" else _csv(_COLUMNS, map(_row, found.holdings))).rstrip("\n"))


def keep(found: Recall, form: Form, path: Path, key: Path | None) -> Path | None:
    """Write it to a file, a CSV with its statement and digests beside it; return the file of the signature, if any.

    Raises EVD-116.
    """
    signed = path
    if form == "csv":
        path.write_text(_csv(_COLUMNS, map(_row, found.holdings)), encoding="utf-8")
        statement = path.with_name(f"{path.name}.statement.csv")
        statement.write_text(_csv(("of", "what", "value"), _facts(found)), encoding="utf-8")
        signed = path.with_name(f"{path.name}.sha256")
        signed.write_text("".join(_digest(one) for one in (path, statement)), encoding="utf-8")
    elif form == "json":
        path.write_text(_json(found), encoding="utf-8")
    else:
        path.write_text("\n".join((drawn_table(*_table(found)), *statement_of(found), "")), encoding="utf-8")
    return None if key is None else sign_file(signed, key)


def statement_of(found: Recall) -> list[str]:
    """Return the statement in sentences."""
    at = found.as_of.isoformat(timespec="seconds")
    counts = ", ".join(f"{count} {what}" for what, count in _counts(found).items())
    lines = [f"As of {at}: {counts}."]
    lines += [_of_source(one) for one in found.sources]
    lines += [f"The target does not have {name}: what it would say is missing." for name in found.unknown]
    return lines if found.known else [*lines, f"The target knows no lot {found.lot}."]


def _counts(found: Recall) -> dict[str, int]:
    serials = {one.serial for one in found.holdings if one.serial}
    customers = {one.customer for one in found.holdings if one.customer}
    return {"units": len(serials), "customers": len(customers), "lines": len(found.holdings)}


def _of_source(one: Completeness) -> str:
    held = sum(one.held.values())
    lag = "not known" if one.lag is None else str(one.lag)
    parts = [
        f"landed up to {one.landed_to or 'nothing'}",
        f"lag {lag}",
        f"{one.underived} batches not derived",
        f"{one.refused} changes refused ({one.stale} rows behind)",
        f"{held} rows held",
        f"{len(one.gaps)} gaps",
    ]
    return f"{one.source}: {'complete' if one.is_complete else 'NOT COMPLETE'}; {', '.join(parts)}"


def _facts(found: Recall) -> Iterator[tuple[str, str, Any]]:
    """Yield the statement line by line: of the extract or a source, what, its value."""
    head = {"lot": found.lot, "known": found.known, "as_of": found.as_of, "dictionary": found.dictionary}
    yield from (("extract", what, value) for what, value in {**head, "complete": found.complete}.items())
    yield from (("extract", what, count) for what, count in _counts(found).items())
    yield from (("extract", "unknown", table) for table in found.unknown)
    for one in found.sources:
        yield one.source, "complete", one.is_complete
        said = asdict(one)
        for what in ("stream", "landed_to", "position", "offset", "batch", "lag", "underived", "in_snapshot"):
            yield one.source, what, said[what]
        yield from ((one.source, what, said[what]) for what in ("refused", "stale"))
        yield from ((one.source, f"held {code}", rows) for code, rows in one.held.items())
        yield from ((one.source, f"gap {gap.code}", f"{gap.found_at}, offset {gap.offset}") for gap in one.gaps)


def _json(found: Recall) -> str:
    return msgspec.json.format(msgspec.json.encode(asdict(found)), indent=2).decode() + "\n"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_word(cell) for cell in row] for row in rows)
    return text.getvalue()


def _word(cell: Any) -> Any:
    return cell if not isinstance(cell, bool) else "yes" if cell else "no"


def _digest(path: Path) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def _table(found: Recall) -> tuple[str, Sequence[str], list[list[Any]]]:
    return f"Lot {found.lot}", _COLUMNS[:_SHOWN], [_row(one)[:_SHOWN] for one in found.holdings]


def _row(one: Holding) -> list[Any]:
    facts = [one.facts.get(name) for name in PARTY_FACTS]
    head = [getattr(one, name) for name in _SHORT]
    return [*head, *facts, one.evidence, one.committed_at, one.deleted]
