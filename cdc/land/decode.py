"""The row events of a batch to changes, table by table: by the contracts in force."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from cdc.capture.contract import Contract
from cdc.change import Change, Event, Kind, Refusal
from cdc.errors import FatalError, RowError
from cdc.stream.row import RowDecoder


@dataclass(frozen=True, slots=True)
class Truncation:
    """A TRUNCATE: nothing is folded across it."""

    offset: int
    source_ts: datetime | None


Item = Change | Refusal | Truncation


@dataclass(slots=True)
class TableDecoder:
    """Decodes the row events of one source by its contracts."""

    contracts: tuple[Contract, ...]
    database: str
    _decoders: dict[str, RowDecoder] = field(init=False)

    def __post_init__(self) -> None:
        self._decoders = {contract.source_table: RowDecoder(contract, self.database) for contract in self.contracts}

    def contract(self, event: Event) -> Contract:
        """Return the contract of the table that an event changes. Raises FatalError LND-102."""
        return self._decoder(event).contract

    def item(self, event: Event, refused: Container[int] = ()) -> Item:
        """Return what a row or TRUNCATE event does. An offset in `refused` did not fit the target before.

        Raises NewColumn, or FatalError LND-102 (no contract), LND-103 (no key), LND-107 (cascade).
        """
        decoder = self._decoder(event)
        offset = event.record.offset
        if event.kind is Kind.TRUNCATE:
            return Truncation(offset, event.source_ts)
        if decoder.contract.cascades:
            _require_no_cascade(decoder.contract, event)
        if offset in refused:
            return Refusal(offset, decoder.key(event), "VAL-105", decoder.contract.mirror)
        try:
            return decoder.change(event)
        except RowError as error:
            return Refusal(offset, decoder.key(event), error.code, error.detail)

    def _decoder(self, event: Event) -> RowDecoder:
        decoder = self._decoders.get(event.table)
        if decoder is None:
            raise FatalError("LND-102", event.table)
        return decoder


@dataclass(slots=True)
class Stretch:
    """What one table gets between two of its TRUNCATEs; `truncation` is the one that ends it."""

    changes: list[Change | Refusal] = field(default_factory=list)
    truncation: Truncation | None = None


def stretches(items: Iterable[Item]) -> list[Stretch]:
    """Cut the items of one table at its TRUNCATEs; no stretch is without any effect."""
    found = [Stretch()]
    for item in items:
        if isinstance(item, Truncation):
            found[-1].truncation = item
            found.append(Stretch())
        else:
            found[-1].changes.append(item)
    return [stretch for stretch in found if stretch.changes or stretch.truncation]


def _require_no_cascade(contract: Contract, event: Event) -> None:
    if event.op == "d" or (
        event.op == "u"
        and any(
            _is_changed(cascade.parent_columns, event)
            for cascade in (cascade for cascade in contract.cascades if cascade.on_update is not None)
        )
    ):
        raise FatalError("LND-107", f"{contract.mirror}, offset {event.record.offset}")


def _is_changed(columns: Iterable[str], event: Event) -> bool:
    if event.before is None or event.after is None:
        return False
    before, after = msgspec.json.decode(event.before), msgspec.json.decode(event.after)
    return any(before.get(column) != after.get(column) for column in columns)
