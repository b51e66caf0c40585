"""An example of a mapping or a fold run: what comes out otherwise than it says, in words."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

from transforms.errors import Refused
from transforms.fold import Folded, fold_said
from transforms.mapping import Candidate, Example, Fold, FoldExample, Keys, Later, Mapping, Target
from transforms.standing import Standing, keys_of, left, standing_of, standing_of_deleted


def run_example(mapping: Mapping, example: Example) -> tuple[str, ...]:
    """Run the mapping on the example; return what comes out otherwise than it says, each in words: () if all holds."""
    now = standing_of(mapping, example.row)
    wrong = list(_wrong(mapping, now, example))
    image = example.row
    for number, later in enumerate(example.then, 1):
        before, image = now, image if later.row is None else later.row
        now = standing_of(mapping, image) if later.row is not None else standing_of_deleted(mapping, image)
        told = _wrong(mapping, now, later) if later.row is not None else _wrong_of_deleted(mapping, now, later)
        wrong += (
            f"then {number}: {each}"
            for each in (*told, *_key_differences(mapping, "gone", left(mapping, before, now), later.gone))
        )
    return tuple(wrong)


def run_fold_example(fold: Fold, example: FoldExample) -> tuple[str, ...]:
    """Fold what the example's rows say; return what comes out otherwise than it says, in words."""
    try:
        folded = fold_said(fold, example.said)
    except Refused as refused:
        return () if _is(refused, example) else (f"refused with {refused}, expected {_shown(example)}",)
    if example.expected is None:
        return (f"gave a row, expected {_shown(example)}",)
    return tuple(_wrong_of_folded(folded, example, example.expected))


def _wrong_of_folded(folded: Folded, example: FoldExample, expected: Map[str, object]) -> Iterator[str]:
    for name, wanted in expected.items():
        if not _same(folded.values[name], wanted):
            yield f"{name} is {folded.values[name]!r}, expected {wanted!r}"
    if folded.marked != example.marked:
        yield "a tombstone, expected a live row" if folded.marked else "a live row, expected a tombstone"
    for told, conflicts in (
        ("a conflict that is not expected", folded.conflicts - example.conflicts),
        ("no such conflict", example.conflicts - folded.conflicts),
    ):
        for one in sorted(conflicts, key=lambda one: (one.column, one.mapping, one.source_key)):
            yield f"{told}: {one.column} is {one.value!r} by {one.mapping} {' '.join(one.source_key)}"


def _wrong(mapping: Mapping, now: Standing, wanted: Example | Later) -> Iterator[str]:
    """Yield what stands for a row that the source has otherwise than wanted."""
    if now.refused:
        if not _is(now.refused, wanted):
            yield f"refused with {now.refused}, expected {_shown(wanted)}"
        elif _is_never(mapping, now.refused):
            yield f"refused with {now.refused}, which `never` says of it"
    elif not any(now.rows):
        if wanted.expected is not None or wanted.code:
            yield f"filtered, expected {_shown(wanted)}"
    elif wanted.expected is None:
        yield f"gave a row, expected {_shown(wanted)}"
    else:
        pairs = zip(mapping.targets, now.rows, wanted.expected, strict=True)
        for target, got, want in pairs:
            yield from _differences(target, got, want, named=len(mapping.targets) > 1)


def _wrong_of_deleted(mapping: Mapping, now: Standing, wanted: Later) -> Iterator[str]:
    if now.refused and not _is(now.refused, wanted):
        yield f"refused with {now.refused}, expected {_shown(wanted) if wanted.code else 'no refusal'}"
    elif wanted.code and not now.refused:
        yield f"not refused, expected {_shown(wanted)}"
    yield from _key_differences(mapping, "marked", keys_of(mapping, now.marked), wanted.marked)
    yield from _key_differences(mapping, "kept", keys_of(mapping, now.rows), wanted.kept)


def _key_differences(mapping: Mapping, fate: str, got: Keys, want: Keys) -> Iterator[str]:
    for target, one, other in zip(mapping.targets, got, want, strict=True):
        if set(one) != set(other):
            yield f"{target}: {fate} {_listed(one)}, expected {_listed(other)}"


def _listed(keys: tuple[Candidate, ...]) -> str:
    return ", ".join(" ".join(map(str, key)) for key in keys) or "nothing"


def _differences(
    target: Target, got: tuple[Candidate, ...], want: tuple[Candidate, ...], *, named: bool
) -> Iterator[str]:
    """Yield in words what differs between the candidates of one target, place by place."""
    table = f"{target}: " if named else ""
    if len(got) != len(want):
        yield f"{table}{len(got)} rows, expected {len(want)}"
        return
    for place, (one, other) in enumerate(zip(got, want, strict=True), 1):
        row = f"row {place}: " if len(got) > 1 else ""
        for column, value, wanted in zip(target.columns, one, other, strict=True):
            if not _same(value, wanted):
                yield f"{table}{row}{column.name} is {value!r}, expected {wanted!r}"


def _same(got: object, want: object) -> bool:
    # A Decimal with another number of digits prints differently: to a steward it is another value.
    return got == want and str(got) == str(want)


def _is(refused: Refused, wanted: Example | Later | FoldExample) -> bool:
    return refused.code == wanted.code and wanted.field in ("", refused.field)


def _is_never(mapping: Mapping, refused: Refused) -> bool:
    """Tell whether a column is said never to refuse a row with that."""
    columns = (column for target in mapping.targets if str(target) == refused.table for column in target.columns)
    return any(column.name == refused.field and refused.code in column.never for column in columns)


def _shown(wanted: Example | Later | FoldExample) -> str:
    if wanted.code:
        return f"{wanted.code} {wanted.field}".rstrip()
    return "a row" if wanted.expected is not None else "filtered"
