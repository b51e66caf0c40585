"""Folding: all changes of one table in one stretch of a batch become one final image, or a delete, per key.

Landing the images gives the same mirror as landing the changes one by one; how batches were cut cannot be seen. What
the log left out of an update (unchanged TOAST values) is taken from earlier in the stretch. What is not there either
stands in the mirror, under the key that the row had before the stretch began (a to b to c: under a).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from cdc.change import UNCHANGED, Change, Key, Refusal
from cdc.errors import FatalError

DUPLICATE: Final = "VAL-107"
"""Two rows of the source have one key: no later change of the key says which of them it is of, so none heals it."""


class Image(msgspec.Struct, gc=False):
    """The final state of one key: the values that its changes made known, and whether the row is there.

    `values` None says that no change told anything of the row's values; `is_complete` that there is one for every
    column, in the contract's order, and the mirror need not be asked for any. `mirror_key` is the key under which the
    mirror holds what is UNCHANGED in them. `offset` and `source_ts` are those of the change that made the values,
    `deleted_at` and `deleted_ts` those of the delete. `lacks` is the refused change that the values are behind,
    `missing` the refused insert that the row itself is behind, `lost` one whose row was deleted again. `whole` says
    that some change carried or removed the whole row, which heals what was refused before the stretch. `replaced` is
    what the key comes back to if the mirror turns out not to have what is UNCHANGED.
    """

    key: Key
    offset: int
    source_ts: datetime | None
    values: dict[str, Any] | None = None
    deleted_at: int | None = None
    deleted_ts: datetime | None = None
    mirror_key: Key | None = None
    reread: bool = False
    whole: bool = False
    is_complete: bool = False
    lacks: Refusal | None = None
    missing: Refusal | None = None
    lost: Refusal | None = None
    replaced: Image | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether the row is gone at the end of the stretch."""
        return self.deleted_at is not None

    @property
    def last_offset(self) -> int:
        """Offset of the last change that had a say; the others are superseded by it."""
        return self.offset if self.deleted_at is None else self.deleted_at

    @property
    def behind(self) -> Refusal | None:
        """The refused change that leaves the mirror's row behind the source's."""
        return self.missing if self.is_deleted else self.lacks

    @property
    def unchanged(self) -> tuple[str, ...]:
        """Columns whose value only the mirror knows."""
        if self.is_complete:
            return ()
        return tuple(name for name, value in (self.values or {}).items() if value is UNCHANGED)


@dataclass(slots=True)
class Folded:
    """What a stretch comes to: the images by key, and the changes that had to be refused because of earlier ones."""

    images: dict[Key, Image]
    refusals: list[Refusal]

    def refuse(self, image: Image, refusal: Refusal | None = None) -> None:
        """Take back an image that builds on a refused change (VAL-104): its key is as it was before, and behind.

        `refusal` says so if it is for another reason.
        """
        refusal = refusal or _follow_up(image.offset, image.key, image.lacks)
        self.refusals.append(refusal)
        before = image.replaced or Image(image.key, image.offset, None, mirror_key=image.key, whole=image.whole)
        if image.is_deleted and not before.is_deleted:
            before.deleted_at, before.deleted_ts = image.deleted_at, image.deleted_ts
        before.whole |= image.whole
        self.images[image.key] = before
        if image.is_deleted:
            before.lost, before.missing = refusal, image.missing
        else:
            _refuse(refusal, self.images)
        if image.lacks is not None and image.lacks.code == DUPLICATE:
            before.lacks = image.lacks


def fold(changes: Iterable[Change | Refusal]) -> Folded:
    """Fold the changes of one table, in stream order. Raises FatalError LND-104 for an update of a deleted row."""
    folded = Folded({}, [])
    images = folded.images
    for change in changes:
        if isinstance(change, Refusal):
            _refuse(change, images)
        elif change.op == "d":
            images[change.key] = _deleted(change.key, change, images)
        else:
            if change.op == "u" and change.old_key is not None:
                images[change.old_key] = _deleted(change.old_key, change, images)
            _apply(change, folded)
    return folded


def _apply(change: Change, folded: Folded) -> None:
    partial = not change.is_whole and UNCHANGED in change.values.values()
    before = folded.images.get(change.key if change.old_key is None else change.old_key)
    if partial and before is not None and before.is_deleted:
        unknown = before.lost if change.old_key is not None else before.missing
        if unknown is not None:
            refusal = _follow_up(change.offset, change.key, unknown)
            folded.refusals.append(refusal)
            _refuse(refusal, folded.images)
            return
        if change.old_key is None:
            raise FatalError("LND-104", f"offset {change.offset}")
    image = _present(change, before, partial=partial)
    if image.mirror_key is not None:
        image.replaced = _standing(folded.images.get(change.key))
    folded.images[change.key] = image


def _standing(image: Image | None) -> Image | None:
    """Return the last state of a key that does not hang on what the mirror has."""
    return image if image is None or image.is_deleted or image.values is None else image.replaced


def _follow_up(offset: int, key: Key, cause: Refusal | None) -> Refusal:
    return Refusal(offset, key, "VAL-104", "an earlier batch" if cause is None else f"offset {cause.offset}")


def _refuse(refusal: Refusal, images: dict[Key, Image]) -> None:
    image = images.get(refusal.key)
    if image is None:
        images[refusal.key] = Image(refusal.key, refusal.offset, None, mirror_key=refusal.key, lacks=refusal)
    elif image.is_deleted:
        image.missing = refusal
    else:
        image.lacks = refusal


def _deleted(key: Key, change: Change, images: dict[Key, Image]) -> Image:
    image = images.get(key)
    if image is None:
        image = Image(key, change.offset, None, mirror_key=key)
    if not image.is_deleted:
        image.deleted_at, image.deleted_ts = change.offset, change.source_ts
    if image.missing is not None:
        image.lost, image.missing = image.missing, None
    image.whole = True
    return image


def _present(change: Change, before: Image | None, *, partial: bool) -> Image:
    if change.op == "r" and before is not None and not before.is_deleted and before.values == change.values:
        before.offset, before.lacks, before.whole = change.offset, None, True
        return before
    if change.is_whole:
        return Image(
            change.key,
            change.offset,
            change.source_ts,
            change.values,
            reread=change.op == "r",
            whole=True,
            is_complete=True,
        )
    values = _completed(change, before)
    in_place = partial and change.old_key in (None, change.key)
    return Image(
        change.key,
        change.offset,
        change.source_ts,
        values,
        mirror_key=_mirror_key(change, before) if UNCHANGED in values.values() else None,
        reread=change.op == "r",
        whole=not in_place or (before is not None and before.whole),
        lacks=before.lacks if partial and before is not None else None,
    )


def _completed(change: Change, before: Image | None) -> dict[str, Any]:
    """Take what the change leaves out from the row's earlier image in the same stretch."""
    if before is None or before.values is None:
        return change.values
    known = before.values
    values = {
        name: known.get(name, UNCHANGED) if value is UNCHANGED else value for name, value in change.values.items()
    }
    if change.op == "u":
        values.update({name: value for name, value in known.items() if name not in values})
    return values


def _mirror_key(change: Change, before: Image | None) -> Key:
    origin = change.key if change.old_key is None else change.old_key
    return before.mirror_key if before is not None and before.mirror_key is not None else origin
