"""What both catalogue readers check alike, and how they say everything that is wrong in one error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from cdc.capture.contract import ColumnContract
from cdc.columns import name_faults
from cdc.errors import FatalError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Fault(FatalError):
    """Something that stands in the way in a source. `statement` ends it, run by the DBA; empty where none does."""

    def __init__(self, code: str, detail: str, statement: str = "") -> None:
        super().__init__(code, detail)
        self.statement = statement


class Faults(FatalError):
    """Several of them: the code of the first, the details of all."""

    def __init__(self, errors: Sequence[FatalError]) -> None:
        self.errors = tuple(single for error in errors for single in faults_of(error))
        super().__init__(self.errors[0].code, "".join(f"\n  {error.code} {error.detail}" for error in self.errors))


def faults_of(error: FatalError) -> tuple[FatalError, ...]:
    """Return the single errors that an error tells."""
    return error.errors if isinstance(error, Faults) else (error,)


def all_of(*works: Callable[[], Result]) -> list[Result]:
    """Return what each of them returns. Raises as `for_each`."""
    return for_each(works, lambda work: work())


def for_each(items: Iterable[Item], work: Callable[[Item], Result]) -> list[Result]:
    """Return `work` of every item. If any raised, raise once: the first one's code, the details of all."""
    results: list[Result] = []
    errors: list[FatalError] = []
    for item in items:
        try:
            results.append(work(item))
        except FatalError as error:
            errors.append(error)
    raise_all(errors)
    return results


def raise_all(errors: Sequence[FatalError]) -> None:
    """Raise one error that tells all of them; nothing if there is none."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise Faults(errors)


def check_names(place: str, table: str, columns: Iterable[str]) -> None:
    """Raise SRC-204 if PostgreSQL or the mirror cannot have the table or its columns: by a name, or so many of them."""
    faults = name_faults(table, tuple(columns))
    if faults:
        raise FatalError("SRC-204", f"{place}: {', '.join(faults)}")


def check_declared_key(place: str, key: Sequence[str], columns: Sequence[ColumnContract]) -> None:
    """Raise SRC-122 if a declared key names what is not a replicated column, or one that may be NULL."""
    nullable = {column.name: column.nullable for column in columns}
    unknown = [name for name in key if name not in nullable]
    if unknown:
        raise FatalError("SRC-122", f"{place} has no column {', '.join(unknown)}")
    loose = [name for name in key if nullable[name]]
    if loose:
        raise FatalError("SRC-122", f"{place}: {', '.join(loose)} may be NULL")


def check_without(place: str, without: Sequence[str], key: Sequence[str], columns: Iterable[str]) -> None:
    """Raise SRC-127 if what the connector file leaves out is not in the table, or is part of its key."""
    names = set(columns)
    unknown = [name for name in without if name not in names]
    if unknown:
        raise FatalError("SRC-127", f"{place} has no column {', '.join(unknown)}")
    needed = [name for name in without if name in key]
    if needed:
        raise FatalError("SRC-127", f"{place}: {', '.join(needed)} identifies its rows")
