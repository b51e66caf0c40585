"""A row event to a `Change`: the table's contract applied to the images that the event carries."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN, source_columns
from cdc.change import UNCHANGED, Change, Event, Key
from cdc.errors import FatalError, RowError, TransientError
from cdc.key import spelling
from cdc.reference import Secret
from cdc.stream.column import column_decoder
from cdc.stream.image import read_image
from cdc.stream.misfit import Misfit, TooWide
from cdc.stream.whole_row import whole_row_reader

Row = dict[str, Any]
_NO_KEYS: Mapping[str, Secret] = MappingProxyType({})


class NewColumn(TransientError):
    """The event carries a column that the contract does not know yet; the mirror has to grow first."""

    def __init__(self, mirror: str, column: str, offset: int) -> None:
        # No database has such a long name, but a record may.
        super().__init__("LND-101", f"{mirror}.{column:.200}, offset {offset}")
        self.mirror = mirror
        self.column = column


class Outgrown(TransientError):
    """The event carries a value that the contract's type is too narrow for: the source's type may be wider by now."""

    def __init__(self, mirror: str, column: str) -> None:
        super().__init__("LND-101", f"{mirror}.{column}")


class RowDecoder:
    """Decodes the row events of one table. Built once per contract.

    `doubts` says that the contract may be behind the source: what is too wide for it raises Outgrown. `tokens` are the
    keys of columns for whose values tokens stand.
    """

    def __init__(
        self, contract: Contract, database: str, *, doubts: bool = False, tokens: Mapping[str, Secret] = _NO_KEYS
    ) -> None:
        self.contract = contract
        self._doubts = doubts
        self.is_keyless = contract.key_origin == ORIGIN
        columns = source_columns(contract.columns)
        self._decoders = {
            column.name: column_decoder(column, database, tokens, is_key=column.name in contract.key)
            for column in columns
        }
        self._defaults = dict(_defaults(contract))
        self._skipped = frozenset(contract.skipped)
        # PostgreSQL's log has no generated columns. Debezium (3.7), once it has met a value that was added to an
        # enumerated type, takes the columns of a table as they are in the database, these among them, and reads what
        # the log sends by their places: each value behind one of them comes as that of another column.
        self._not_logged = frozenset(contract.omitted if database == "postgresql" else ())
        self._spelled_not_logged = tuple(
            json.dumps(name, ensure_ascii=is_ascii).encode() for name in self._not_logged for is_ascii in (False, True)
        )
        # The connector itself splits the update of a primary key into a delete and an insert; of no other key.
        self._splits_key_changes = contract.key_origin == "primary"
        spellings = {name: spelling(contract.column(name).mirror_type) for name in contract.key}
        self._spellings = {name: spell for name, spell in spellings.items() if spell is not None}
        self._read_whole = whole_row_reader(dataclasses.replace(contract, columns=columns), self._decoders)

    def whole_change(self, event: Event) -> Change | None:
        """Return the change of an event that carries a whole row and leaves its key alone; None if it is not plain.

        What it returns is what `change` does, which takes everything and several times as long.
        """
        if event.after is None or event.record.old_key is not None:
            return None
        if event.before is not None and not self._splits_key_changes:
            return None
        if self._not_logged and self._may_be_shifted(event):
            return None
        values = self._read_whole(event.after)
        if values is None:
            return None
        key = tuple([values[name] for name in self.contract.key])
        if None in key:
            return None
        if self._spellings:
            key = self._spelled(key)
        return Change(event.record.offset, event.op, key, values, event.source_ts, None, True)

    def change(self, event: Event) -> Change:
        """Return the change that a c, u, d or r event makes.

        Raises RowError VAL-1xx (the row is refused), NewColumn and Outgrown (the stream waits), FatalError LND-103 (no
        key), LND-112 (values are those of other columns).
        """
        self._require_in_place(event)
        key = self.key(event)
        if event.op == "d":
            return Change(event.record.offset, "d", key, {}, event.source_ts)
        values = self._values(event, event.after)
        if event.op != "u" and len(values) < len(self._decoders):
            values = self._completed(values)
        return Change(event.record.offset, event.op, key, values, event.source_ts, self._old_key(event, key))

    def keyless_changes(self, event: Event) -> Iterator[Change]:
        """Yield what a row event of a table without a key does: rows that go (d), rows that come (c or r).

        Raises NewColumn, Outgrown, FatalError LND-103: a row that cannot be read is one that nobody can find again,
        LND-108 for a row that was read beside the stream: it may be one that the stream has told of, and LND-112 where
        values are those of other columns.
        """
        if event.snapshot == "incremental":
            raise FatalError("LND-108", f"{self.contract.mirror}, offset {event.record.offset}")
        try:
            self._require_in_place(event)
            before = {} if event.op not in "ud" else self._whole_row(event, event.before)
            if before:
                yield Change(event.record.offset, "d", (), before, event.source_ts)
            if event.op != "d":
                after = self._whole_row(event, event.after, before)
                op = "r" if event.op == "r" else "c"
                yield Change(event.record.offset, op, (), after, event.source_ts)
        except RowError as error:
            place = f"{self.contract.mirror}, offset {event.record.offset}: {error.code} {error.detail}"
            raise FatalError("LND-103", place) from error

    def _whole_row(self, event: Event, image: bytes | None, before: Mapping[str, Any] = MappingProxyType({})) -> Row:
        """Return a whole row; what an update left alone is taken from the row before."""
        plain = None if image is None else self._read_whole(image)
        if plain is not None:
            return plain
        values = self._completed(self._values(event, image))
        whole = {name: before.get(name, value) if value is UNCHANGED else value for name, value in values.items()}
        if UNCHANGED in whole.values():
            raise RowError("VAL-104", "the row that it was before")
        return whole

    def key(self, event: Event) -> Key:
        """Return the key of the row that an event changes. Raises FatalError LND-103.

        The record's own key says it where the image is missing, or not to be read.
        """
        try:
            document = _document(event.before if event.op == "d" else event.after, event)
        except RowError:
            return self._key_of(event.record.key, event)
        return self._key_in(document, event)

    def columns(self, event: Event, image: bytes | None, names: Iterable[str]) -> tuple[Any, ...]:
        """Return some columns of one of an event's images. Raises FatalError LND-103 if one cannot be read."""
        try:
            document = _document(image, event)
            found = [document[name] for name in names]
            return tuple(
                None if value is None else self._decoders[name](value) for name, value in zip(names, found, strict=True)
            )
        except (KeyError, Misfit, RowError) as error:
            raise FatalError("LND-103", f"{self.contract.mirror}, offset {event.record.offset}") from error

    def _completed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return a whole row. The event is older than the column, or younger than its drop."""
        whole = {**self._defaults, **values}
        if len(whole) < len(self._decoders):
            missing = ", ".join(name for name in self._decoders if name not in whole)
            raise RowError("VAL-106", f"{self.contract.mirror}: {missing}")
        return whole

    def _old_key(self, event: Event, key: Key) -> Key | None:
        if event.record.old_key is not None:
            return self._key_of(event.record.old_key, event)
        if event.op != "u" or self._splits_key_changes or event.before is None:
            return None
        old_key = self._key_of(event.before, event)
        return old_key if old_key != key else None

    def _values(self, event: Event, image: bytes | None) -> dict[str, Any]:
        decoders = self._decoders
        values = {}
        for name, value in _document(image, event).items():
            if name not in decoders:
                if name in self._skipped:
                    continue
                raise NewColumn(self.contract.mirror, name, event.record.offset)
            try:
                values[name] = None if value is None else decoders[name](value)
            except Misfit as misfit:
                self._doubt(misfit, name)
                raise RowError(misfit.code, f"{self.contract.mirror}.{name}") from misfit
        return values

    def _may_be_shifted(self, event: Event) -> bool:
        """Tell whether a column that is not in the log seems to be in a change from it; a text may look alike."""
        images = (event.before or b"", event.after or b"")
        return event.op != "r" and any(name in image for name in self._spelled_not_logged for image in images)

    def _require_in_place(self, event: Event) -> None:
        if self._not_logged and self._may_be_shifted(event):
            for image in (event.before, event.after):
                if image is not None and self._not_logged & _document(image, event).keys():
                    raise FatalError("LND-112", self._place(event))

    def _key_of(self, image: bytes | None, event: Event) -> Key:
        try:
            document = _document(image, event)
        except RowError as error:
            raise FatalError("LND-103", self._place(event)) from error
        return self._key_in(document, event)

    def _key_in(self, document: dict[str, Any], event: Event) -> Key:
        name = ""
        key = []
        try:
            for name in self.contract.key:
                key.append(self._decoders[name](document[name]))
        except (KeyError, Misfit) as error:
            self._doubt(error, name)
            raise FatalError("LND-103", self._place(event)) from error
        if UNCHANGED in key:
            raise FatalError("LND-103", self._place(event))
        return self._spelled(tuple(key))

    def _spelled(self, key: Key) -> Key:
        """Return a key in its one spelling: the source takes several of them for the same."""
        spellings = self._spellings
        return tuple(
            spellings[name](part) if name in spellings else part
            for name, part in zip(self.contract.key, key, strict=True)
        )

    def _place(self, event: Event) -> str:
        return f"{self.contract.mirror}, offset {event.record.offset}"

    def _doubt(self, error: Exception, name: str) -> None:
        if self._doubts and isinstance(error, TooWide):
            raise Outgrown(self.contract.mirror, name) from error


def _defaults(contract: Contract) -> Iterator[tuple[str, Any]]:
    """Yield what an event that lacks a column says of it: what its row came to hold when the column was added.

    Of a dropped column a younger row holds nothing, and where nobody can tell there is no entry.
    """
    for column in source_columns(contract.columns):
        if column.name in contract.dropped:
            yield column.name, None
        elif not column.computed_default:
            yield column.name, column.default


def _document(image: bytes | None, event: Event) -> dict[str, Any]:
    try:
        return read_image(image or b"null")
    except ValueError as error:
        raise RowError("VAL-101", f"image of {event.table}") from error
