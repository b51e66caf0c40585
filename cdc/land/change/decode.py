"""The row events of a batch to changes, table by table: by the contracts in force."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from cdc.capture.contract import Contract
from cdc.change import UNCHANGED, Change, Event, Key, Kind, Refusal
from cdc.errors import FatalError, RowError
from cdc.land.change.cascade import Cascades
from cdc.reference import Secret
from cdc.stream.row import RowDecoder

# PostgreSQL indexes no more than 2,704 bytes. Keys stand in indexes of mirrors, of stale and of canonical rows, beside
# names and, as arrays, with some bytes more for each column.
MAX_KEY_BYTES: Final = 2000
LONG_KEY: Final = "VAL-108"
"""Of the row with such a key nothing lands, not even a mark that it is stale."""

_NONE: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Truncation:
    """A TRUNCATE: nothing is folded across it."""

    offset: int
    source_ts: datetime | None


Item = Change | Refusal | Truncation


@dataclass(slots=True)
class TableDecoder:
    """Decodes the row events of one source by its contracts.

    `captured` tells the mirrors of the tables that are captured now: the contracts only ever grow in number.
    `doubts` and `tokens` as of `cdc.stream.row.RowDecoder`.
    """

    contracts: tuple[Contract, ...]
    database: str
    captured: Callable[[], Container[str]]
    doubts: bool = False
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    decoders: dict[str, RowDecoder] = field(init=False)
    cascades: Cascades = field(init=False)

    def __post_init__(self) -> None:
        self.decoders = {
            contract.source_table: RowDecoder(contract, self.database, doubts=self.doubts, tokens=self.tokens)
            for contract in self.contracts
        }
        self.cascades = Cascades(self.contracts, self.decoders)

    def contract(self, event: Event) -> Contract:
        """Return the contract of the table that an event changes. Raises FatalError LND-102."""
        return self._decoder(event).contract

    def captured_contracts(self) -> list[Contract]:
        """Return the contracts of the tables that are captured now. Raises FatalError SRC-101, SRC-103."""
        captured = self.captured()
        return [contract for contract in self.contracts if contract.mirror in captured]

    def items(self, event: Event, refused: Mapping[int, str] = _NONE) -> tuple[Item, ...]:
        """Return what a row or TRUNCATE event does. What an offset in `refused` did not fit is a code.

        It is two things where an update moves its row to a key, or with values, that cannot land: the row left its old
        key all the same. Raises NewColumn, or FatalError LND-102 (no contract), LND-103 (no key).
        """
        decoder = self._decoder(event)
        offset = event.record.offset
        if event.kind is Kind.TRUNCATE:
            return (Truncation(offset, event.source_ts),)
        if decoder.is_keyless:
            return tuple(decoder.keyless_changes(event))
        plain = decoder.whole_change(event)
        if plain is not None and offset not in refused and not _is_long(plain.key):
            return (plain,)
        return _careful_items(decoder, event, refused.get(offset))

    def _decoder(self, event: Event) -> RowDecoder:
        decoder = self.decoders.get(event.table)
        if decoder is None:
            raise FatalError("LND-102", f"{event.table:.200}, offset {event.record.offset}")
        return decoder


def _careful_items(decoder: RowDecoder, event: Event, misfit: str | None) -> tuple[Item, ...]:
    """Do what `TableDecoder.items` says for a row event of any kind; `misfit` is why the target refused it."""
    offset, key, mirror = event.record.offset, decoder.key(event), decoder.contract.mirror
    code = LONG_KEY if _is_long(key) else misfit
    if code is not None:
        return _refused(decoder, event, Refusal(offset, key, code, mirror))
    try:
        change = decoder.change(event)
    except RowError as error:
        return _refused(decoder, event, Refusal(offset, key, error.code, error.detail))
    if change.old_key is not None and _is_long(change.old_key):
        return (detached(change),)
    return (change,)


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


def detached(change: Change) -> Change | Refusal:
    """Return a change of a key without the row that it carries on, of which the mirror has no image, or no sure one."""
    if UNCHANGED in change.values.values():
        return Refusal(change.offset, change.key, "VAL-104", "the key that the row had before")
    return msgspec.structs.replace(change, op="c", old_key=None)


def _refused(decoder: RowDecoder, event: Event, refusal: Refusal) -> tuple[Item, ...]:
    if event.op != "u" or event.before is None:
        return (refusal,)
    # As the row's delete the event names the key before.
    old_key = decoder.key(msgspec.structs.replace(event, op="d"))
    if old_key == refusal.key or _is_long(old_key):
        return (refusal,)
    return Change(refusal.offset, "d", old_key, {}, event.source_ts), refusal


def _is_long(key: Key) -> bool:
    # No character takes more than four bytes, no number more than forty digits.
    if sum([len(part) if type(part) is str else 40 for part in key]) * 4 <= MAX_KEY_BYTES:
        return False
    return sum(len(str(part).encode()) for part in key) > MAX_KEY_BYTES
