"""The tables of one batch, written inside its transaction: mirrors, changed keys, stale rows, refused records."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.capture.policy import is_token
from cdc.change import Change, Event, Record, Refusal
from cdc.crash import crash_point
from cdc.land.change.commit import Commits
from cdc.land.change.decode import LONG_KEY, Item, Stretch, Truncation, stretches
from cdc.land.change.duplicate import Claims, keys_of, may_double
from cdc.land.change.fold import Folded, fold
from cdc.land.change.reread import fill_in, reread_keys
from cdc.land.ledger import CASCADED, Ledger
from cdc.land.mirror.table import MirrorTable
from cdc.land.mirror.writer import Expectation, MirrorWriter
from cdc.land.prepare import Prepared
from cdc.land.session import Session
from cdc.protect.seal import Sealer, place_of


@dataclass(frozen=True, slots=True)
class Ground:
    """What the landing transaction finds when it opens.

    `stream` and `batch` go to the journal's keys; `watched` are the columns that look-ups read, by mirror; `stale` the
    mirrors with stale rows, `changes` those whose versions are kept; `replayed` the first offsets of units that landed
    before; `generation_from` the first offset of the snapshot generation that is open; `sealer` seals what is kept of
    the source as it came, None if that is not sealed.
    """

    stream: str
    batch: int
    watched: Mapping[str, tuple[str, ...]]
    stale: frozenset[str]
    changes: frozenset[str]
    replayed: frozenset[int]
    generation_from: int | None
    sealer: Sealer | None

    def table(self, contract: Contract) -> MirrorTable:
        """Return a mirror as it has to be written now."""
        mirror = contract.mirror
        keeps_changes = mirror in self.changes and contract.key_origin != ORIGIN
        return MirrorTable(contract, self.watched.get(mirror, ()), keeps_changes)


class Tables:
    """What one attempt to land a batch has written so far.

    `careful` are the mirrors whose partial updates are to be looked at one by one.
    """

    def __init__(
        self, session: Session, prepared: Prepared, ledger: Ledger, ground: Ground, careful: Container[str]
    ) -> None:
        self._session = session
        self._prepared = prepared
        self._ledger = ledger
        self._ground = ground
        self._careful = careful
        self._stale = set(ground.stale)
        self._overlaid: dict[int, Event] = {}
        self._folded: list[tuple[MirrorWriter, Folded]] = []
        self.expectations: list[Expectation] = []
        self.refusals: Counter[tuple[str, str]] = Counter()

    def writer(self, contract: Contract) -> MirrorWriter:
        """Return the writer of a mirror."""
        return self._session.writer(self._ground.table(contract))

    def write(self, contract: Contract, items: list[Item]) -> None:
        """Write what a table's items do, in order."""
        mirror = contract.mirror
        writer = self.writer(contract)
        if contract.key_origin == ORIGIN:
            self._write_rows(writer, items)
            return
        for stretch in self._stretches(writer, self._fill_in(writer, items)):
            has_stale = mirror in self._stale or mirror in self._careful
            changes = self._admit(writer, stretch.changes, has_stale=has_stale)
            folded = fold(change for change in changes if not (isinstance(change, Refusal) and change.code == LONG_KEY))
            self._folded.append((writer, folded))
            writer.resolve(folded, has_stale=has_stale)
            refusals = [change for change in changes if isinstance(change, Refusal)] + folded.refusals
            refusals = [refusal for refusal in refusals if refusal.offset not in self._overlaid]
            if refusals:
                self._stale.add(mirror)
            self._write(writer, folded, self._piece(writer, changes, refusals), has_stale=has_stale or bool(refusals))
            for refusal in refusals:
                self._refuse(writer, refusal)
            self._count(mirror, stretch, folded, {refusal.offset for refusal in refusals})
            if stretch.truncation is not None:
                self._truncate(writer, stretch.truncation)
                self._stale.discard(mirror)

    def write_effects(self, contract: Contract, changes: list[Change]) -> None:
        """Write changes that no event tells of: a cascade's."""
        writer = self.writer(contract)
        self._write(writer, fold(changes), self._piece(writer, changes), has_stale=contract.mirror in self._stale)
        self._ledger.count(contract.mirror, CASCADED, len({change.key for change in changes}))

    def find_misfits(self) -> dict[int, str]:
        """After a refusal by the database: find the rows that it does not take, one by one; offset to code."""
        misfits: dict[int, str] = {}
        for writer, folded in self._folded:
            misfits.update(writer.find_misfits(folded))
        return misfits

    def _event(self, change: Change | Refusal) -> Event:
        """Return the event of a change, which may have been refused in an earlier batch."""
        return self._overlaid.get(change.offset) or self._prepared.events[change.offset]

    def _stretches(self, writer: MirrorWriter, items: list[Item]) -> Iterable[Stretch]:
        found = stretches(items)
        return self._commits.pieces(found) if writer.table.keeps_changes else found

    @cached_property
    def _commits(self) -> Commits:
        return Commits.of(self._prepared.batch.units)

    def _piece(
        self, writer: MirrorWriter, changes: Sequence[Change | Refusal], refusals: Iterable[Refusal] = ()
    ) -> Commits | None:
        """Return the commits of what is to be written, of a table that keeps its changes."""
        if not writer.table.keeps_changes:
            return None
        return self._commits.piece(changes, {each.offset: self._event(each).source_ts for each in refusals})

    def _write(self, writer: MirrorWriter, folded: Folded, commits: Commits | None, *, has_stale: bool) -> None:
        if folded.images:
            place = (self._ground.stream, self._ground.batch)
            self.expectations += writer.write(folded, *place, has_stale=has_stale, commits=commits)

    def _truncate(self, writer: MirrorWriter, truncation: Truncation) -> None:
        self._session.take_time()
        commits = self._commits if writer.table.keeps_changes else None
        place = (self._ground.stream, self._ground.batch)
        writer.truncate(truncation.offset, truncation.source_ts, *place, commits)

    def _write_rows(self, writer: MirrorWriter, items: list[Item]) -> None:
        """Write what the items of a table without a key do."""
        place = (self._ground.stream, self._ground.batch)
        for stretch in stretches(items):
            changes = [change for change in stretch.changes if isinstance(change, Change)]
            writer.write_rows(changes, place, self._ground.generation_from)
            events = len({change.offset for change in changes}) + (stretch.truncation is not None)
            self._ledger.count(writer.table.contract.mirror, "landed", events)
            if stretch.truncation is not None:
                self._truncate(writer, stretch.truncation)

    def _fill_in(self, writer: MirrorWriter, items: list[Item]) -> list[Item]:
        """Put the rows that were read beside the stream where they belong among its changes."""
        keys = reread_keys(items, self._prepared.events) if self._prepared.reads_beside else []
        if not keys:
            return items
        filling = fill_in(
            items, self._prepared.events, writer.known(keys), self._prepared.decoder, self._prepared.refused
        )
        self._overlaid.update(filling.overlaid)
        self._ledger.count(writer.table.contract.mirror, "superseded", filling.superseded)
        return filling.items

    def _admit(
        self, writer: MirrorWriter, changes: list[Change | Refusal], *, has_stale: bool
    ) -> list[Change | Refusal]:
        """Refuse second rows of a key, where nothing but a declaration says that there are none."""
        contract = writer.table.contract
        if contract.key_origin != "declared" or not changes:
            return changes
        events = ChainMap(self._overlaid, self._prepared.events)
        if not has_stale and not may_double(changes, events):
            return changes
        claims = Claims(contract.mirror, writer.claims(keys_of(changes)), events, self._ground.generation_from)
        return list(claims.admit(changes))

    def _refuse(self, writer: MirrorWriter, refusal: Refusal) -> None:
        record, contract = self._prepared.events[refusal.offset].record, writer.table.contract
        self.refusals[(contract.mirror, refusal.code)] += 1
        sealer = self._ground.sealer
        clear = [name for name in contract.key if not is_token(contract.column(name))]
        token = None if sealer is None else sealer.key_token(contract.mirror, clear, refusal.key)
        writer.refuse(
            (
                *(self._ground.stream, refusal.offset, self._ground.batch, token),
                *(None if part is None or token else str(part) for part in refusal.key),
                *(refusal.code, refusal.detail, *self._sealed(contract.mirror, record), token),
            )
        )
        crash_point("W10")

    def _sealed(self, mirror: str, record: Record) -> tuple[bytes | None, bytes | None, int | None]:
        """Return key and value of a record as they are kept, and the number of the data key that opens them."""
        sealer = self._ground.sealer
        if sealer is None:
            return record.key, record.value, None
        parts = (("key", record.key), ("value", record.value))
        key, value = (
            None if part is None else sealer.seal(mirror, place_of(self._ground.stream, record.offset, name), part)
            for name, part in parts
        )
        return key, value, sealer.key_of(mirror)

    def _count(self, mirror: str, stretch: Stretch, folded: Folded, refused: set[int]) -> None:
        events = len({change.offset for change in stretch.changes if change.offset not in self._overlaid})
        landed = {image.last_offset for image in folded.images.values() if image.values is not None or image.is_deleted}
        self._ledger.count(mirror, "refused", len(refused))
        self._ledger.count(mirror, "landed", len(landed - refused) + (stretch.truncation is not None))
        self._ledger.count(mirror, "superseded", events - len(refused | landed))
