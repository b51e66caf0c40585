"""A batch made ready: everything about landing it that can be done without the target.

The reader does this while the batch before is being written. What it decoded by contracts that have changed meanwhile
is decoded again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cdc.capture.contract import Contract
from cdc.change import Event
from cdc.errors import CdcError
from cdc.land import journal
from cdc.land.batch import Batch
from cdc.land.change.decode import Item, TableDecoder
from cdc.stream.unit import Unit

_NONE: Final[Mapping[int, str]] = MappingProxyType({})


@dataclass(slots=True)
class Prepared:
    """A batch with the chunks of its journal and, unit by unit, what its events do: event, mirror, items.

    `refused` says which offsets the target did not take, and by which code; those are refusals among the items.
    """

    batch: Batch
    decoder: TableDecoder
    chunks: tuple[journal.Chunk, ...]
    units: list[tuple[Unit, list[tuple[Event, str, tuple[Item, ...]]]]] = field(default_factory=list)
    contracts: dict[str, Contract] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    is_decoded: bool = False
    _events: dict[int, Event] | None = None

    @property
    def events(self) -> dict[int, Event]:
        """All events by offset: seldom needed, and only made then."""
        if self._events is None:
            self._events = {event.record.offset: event for unit in self.batch.units for event in unit.events}
        return self._events

    def mirrors_of_offsets(self) -> dict[int, str]:
        """Return the mirror of each row event by offset: of those, too, that change nothing."""
        found = {event.record.offset: mirror for _, decoded in self.units for event, mirror, _ in decoded}
        for unit in self.batch.units:
            for event in (*unit.repeated, *unit.abandoned):
                found[event.record.offset] = self.decoder.contract(event).mirror
        return found

    def written_contracts(self) -> Iterable[Contract]:
        """Return the contracts of all mirrors that may be written."""
        found = dict(self.contracts)
        for contract in self.contracts.values():
            found |= self.decoder.cascades.below(contract.source_table)
        return found.values()

    @property
    def reads_beside(self) -> bool:
        """Whether any of its rows may have been read beside the stream."""
        return any(unit.reread or (unit.id is None and unit.rows) for unit in self.batch.units)

    def again(self, decoder: TableDecoder, refused: Mapping[int, str] = _NONE) -> Prepared:
        """Return the same batch decoded by other contracts, or with refusals.

        Raises NewColumn, Outgrown, FatalError LND-102 (no contract), LND-103 (no key).
        """
        again = Prepared(self.batch, decoder, self.chunks, refused=refused)
        again.decode()
        return again

    def decode(self) -> None:
        """Decode all events by the contracts. Raises as `again`."""
        for unit in self.batch.units:
            decoded = []
            for event in unit.events:
                contract = self.decoder.contract(event)
                self.contracts[contract.mirror] = contract
                decoded.append((event, contract.mirror, self.decoder.items(event, self.refused)))
            self.units.append((unit, decoded))
        self.is_decoded = True


def prepare(batch: Batch, decoder: TableDecoder, chain: bytes) -> Prepared:
    """Make a batch ready. `chain` is the journal's head before it.

    What cannot be decoded by the contracts of now is left to who lands it, and may let them grow.
    """
    prepared = Prepared(batch, decoder, tuple(journal.chunks(batch.records(), chain)))
    with suppress(CdcError):
        prepared.decode()
    return prepared
