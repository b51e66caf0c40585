"""Bad records with what has to become of each: cases in YAML, each of them one change to a good record.

The good record is the second of three rows that one transaction inserts into `specimen.yaml`, written as JsonConverter
writes it: no blanks. A case is a name and

    replace   pairs of old and new text, or value: the whole text, null for a tombstone
    latin1    the new texts are bytes, spelled as the characters of latin1
    cut       how many bytes are left, from the end if negative
    key       the record's key, where it is not the row's
    generate  a function of `tests/corpus/large.py`, for what is too large to be written down

and one of

    refused   the code of the row; `place` is what the target keeps beside it
    stopped   the code of the stream; `place` is part of what it says, `offset N` of the record is always
    taken     what the row holds in the target: it looks bad and is not

`elsewhere` says that the stream stops at a later record, at which the bad one shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cdc.capture.contract import Contract, from_document
from cdc.change import Record
from tests.corpus import large
from tests.unit.cdc.stream.wire import PostgresWire

HERE = Path(__file__).parent
GOOD = {
    "id": 2,
    "small": 1,
    "large": 9007199254740993,
    "huge": 18446744073709551615,
    "exact": "1.50",
    "free": "0.1",
    "single": 0.5,
    "ratio": 0.25,
    "flag": True,
    "name": "导管",
    "note": 'a "note": 1',
    "made": 19782,
    "clock": 3_600_000_000,
    "seen": 1_709_212_455_123_000,
    "zoned": "2024-02-29T10:34:56.123456Z",
    "lasts": "P1Y2M3DT4H5M6.789S",
    "raw": "00ff",
    "place": b"16/B374D848".hex(),
    "shape": {"center": {"x": 1.0, "y": 2.0, "wkb": "AQEAAAAAAAAAAADwPwAAAAAAAABA", "srid": None}, "radius": 3.0},
    "mask": "qwI=",
    "uid": "b68a35a7-17ad-35b3-af2a-ae46edb4545b",
    "doc": '{"a":1}',
    "net": "192.168.0.1/32",
    "marks": [1, None, 3],
    "words": ["a", None, 'b"'],
    "dated": "2024-02-29T10:34:56Z",
    "label": "none",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One bad record. `fate` is refused, stopped or taken; `wanted` its code, or the values of a taken row."""

    name: str
    fate: str
    wanted: Any
    place: str = ""
    replace: tuple[tuple[str, str], ...] = ()
    latin1: bool = False
    cut: int | None = None
    whole: tuple[str | None, ...] = ()
    key: str | None = None
    generate: str | None = None
    is_elsewhere: bool = False

    def record(self, good: Record) -> Record:
        """Return the good record, made bad."""
        value = self._value(good.value or b"")
        if value == good.value and self.key is None:
            raise ValueError(f"{self.name} changes nothing")
        return good._replace(value=value, key=good.key if self.key is None else self.key.encode())

    def _value(self, value: bytes) -> bytes | None:
        if self.generate is not None:
            return bytes(getattr(large, self.generate)(value))
        if self.whole:
            return None if self.whole[0] is None else self.whole[0].encode()
        for old, new in self.replace:
            if value.count(old.encode()) != 1:
                raise ValueError(f"{self.name}: {old} stands {value.count(old.encode())} times in the record")
            value = value.replace(old.encode(), new.encode("latin-1" if self.latin1 else "utf-8"))
        return value if self.cut is None else value[: self.cut]


@dataclass(slots=True)
class Stream:
    """Three transactions from an offset on.

    `bad` is the offset of the bad record, in the middle of the second transaction, `before` that behind the first one.
    """

    first_offset: int
    transaction: int
    records: list[Record] = field(default_factory=list)
    before: int = 0
    bad: int = 0

    def build(self, case: Case) -> Stream:
        """Write one row, three rows of which the second is bad, and one row."""
        wire = PostgresWire()
        wire.next_offset, wire.number = self.first_offset, self.transaction
        for numbers in ((10,), (1, 2, 3), (11,)):
            self.before = wire.next_offset - 1 if 2 in numbers else self.before  # Kafka's own marker is behind an END
            wire.begin()
            for number in numbers:
                offset = wire.insert("specimen", "id", {**GOOD, "id": number})
                self.bad = offset if number == 2 else self.bad
            wire.end()
        self.records = [case.record(_compact(r)) if r.offset == self.bad else _compact(r) for r in wire.records]
        return self

    def record(self, offset: int) -> Record:
        """Return the record at an offset."""
        return next(record for record in self.records if record.offset == offset)


def contract() -> Contract:
    """Return the contract of the table."""
    return from_document(yaml.safe_load((HERE / "specimen.yaml").read_text()), "specimen.yaml")


def cases() -> Iterator[Case]:
    """Yield every case of every file."""
    for path in sorted(HERE.glob("bad_*.yaml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            yield _case(name, dict(entry))


def _case(name: str, entry: dict[str, Any]) -> Case:
    (fate,) = {"refused", "stopped", "taken"} & entry.keys()
    wanted = entry.pop(fate)
    pairs = tuple((old, new) for old, new in entry.pop("replace", ()))
    whole = (entry.pop("value"),) if "value" in entry else ()
    is_elsewhere = entry.pop("elsewhere", False)
    return Case(name, fate, wanted, replace=pairs, whole=whole, is_elsewhere=is_elsewhere, **entry)


def _compact(record: Record) -> Record:
    """Return a record as JsonConverter spells it: no blanks, no escapes where UTF-8 does."""
    if record.value is None:
        return record
    value = json.dumps(json.loads(record.value), ensure_ascii=False, separators=(",", ":"))
    return record._replace(value=value.encode())
