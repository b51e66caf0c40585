"""A batch made ready: everything about landing it that can be done without the target.

The reader does this while the batch before is being written. What it decoded by contracts that have changed meanwhile
is decoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cdc.capture.contract import Contract
from cdc.change import Event
from cdc.land import journal
from cdc.land.batch import Batch
from cdc.land.decode import Item, TableDecoder
from cdc.stream.unit import Unit

_NONE: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(slots=True)
class Prepared:
    """A batch with the chunks of its journal and, unit by unit, what its events do: mirror, items.

    `refused` says which offsets the target did not take, and by which code; those are refusals among the items.
    """

    batch: Batch
    decoder: TableDecoder
    chunks: tuple[journal.Chunk, ...]
    units: list[tuple[Unit, list[tuple[str, tuple[Item, ...]]]]]
    contracts: dict[str, Contract]
    refused: Mapping[int, str]
    _events: dict[int, Event] | None = None

    @property
    def events(self) -> dict[int, Event]:
        """All events by offset: seldom needed, and only made then."""
        if self._events is None:
            self._events = {event.record.offset: event for unit in self.batch.units for event in unit.events}
        return self._events

    @property
    def reads_beside(self) -> bool:
        """Whether any of its rows may have been read beside the stream."""
        return any(unit.reread or (unit.id is None and unit.rows) for unit in self.batch.units)

    def again(self, decoder: TableDecoder, refused: Mapping[int, str] = _NONE) -> Prepared:
        """Return the same batch decoded by other contracts, or with refusals. Raises as `prepare`."""
        return _decoded(self.batch, decoder, self.chunks, refused)


def prepare(batch: Batch, decoder: TableDecoder, chain: bytes) -> Prepared:
    """Make a batch ready. `chain` is the journal's head before it.

    Raises NewColumn, Outgrown, FatalError LND-102 (no contract), LND-103 (no key).
    """
    return _decoded(batch, decoder, tuple(journal.chunks(batch.records(), chain)), _NONE)


def _decoded(
    batch: Batch, decoder: TableDecoder, chunks: tuple[journal.Chunk, ...], refused: Mapping[int, str]
) -> Prepared:
    contracts: dict[str, Contract] = {}
    units = []
    for unit in batch.units:
        decoded = []
        for event in unit.events:
            contract = decoder.contract(event)
            contracts[contract.mirror] = contract
            decoded.append((contract.mirror, decoder.items(event, refused)))
        units.append((unit, decoded))
    return Prepared(batch, decoder, chunks, units, contracts, refused)
