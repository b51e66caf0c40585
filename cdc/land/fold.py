"""Folding: all changes of one table in one stretch of a batch become one final image, or a delete, per key.

What the log left out of an update (unchanged TOAST values) is taken from earlier in the stretch. What is not there
either stands in the mirror, under the key that the row had before the stretch began (a to b to c: under a).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdc.change import UNCHANGED, Change, Key


@dataclass(slots=True)
class Image:
    """The final state of one key: values of the columns known, or deleted with the last image as far as it is known.

    `mirror_key` is the key under which the mirror holds what `values` lacks; None if the mirror has nothing to add.
    `created` says that the row did not exist at some moment of the stretch, so that a tombstone has to go.
    """

    key: Key
    values: dict[str, Any]
    offset: int
    source_ts: datetime | None
    deleted: bool = False
    created: bool = False
    mirror_key: Key | None = None

    @property
    def unchanged(self) -> tuple[str, ...]:
        """Columns whose value only the mirror knows."""
        return tuple(name for name, value in self.values.items() if value is UNCHANGED)


def fold(changes: Iterable[Change]) -> dict[Key, Image]:
    """Return the final image of every key that `changes` (one table, in stream order) touch."""
    images: dict[Key, Image] = {}
    for change in changes:
        images[change.key] = _deleted(change, images) if change.op == "d" else _present(change, images)
    return images


def _deleted(change: Change, images: dict[Key, Image]) -> Image:
    before = images.get(change.key)
    if before is None or before.deleted:
        return Image(change.key, {}, change.offset, change.source_ts, deleted=True, mirror_key=change.key)
    return Image(
        change.key, before.values, change.offset, change.source_ts, deleted=True, mirror_key=before.mirror_key
    )


def _present(change: Change, images: dict[Key, Image]) -> Image:
    origin_key = change.old_key if change.old_key is not None else change.key
    before = images.get(origin_key)
    here = images.get(change.key)
    image = Image(
        change.key,
        change.values,
        change.offset,
        change.source_ts,
        created=change.op != "u" or (here is not None and here.created),
    )
    if UNCHANGED in change.values.values():
        image.mirror_key = origin_key
        if before is not None:
            _fill(image, before)
    elif change.op == "u" and before is not None and len(before.values) > len(change.values):
        # The update does not know a column that an earlier change carried: it stays as it was.
        image.values = {**before.values, **change.values}
        image.mirror_key = before.mirror_key
    return image


def _fill(image: Image, before: Image) -> None:
    """Take what the log left out from the row's earlier image in the same stretch."""
    known = before.values
    image.values = {
        name: known.get(name, UNCHANGED) if value is UNCHANGED else value for name, value in image.values.items()
    }
    image.mirror_key = before.mirror_key if image.unchanged else None
