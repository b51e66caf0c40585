"""Units with their exact factors, and what each source calls them."""

from __future__ import annotations

from transforms.model import Unit
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Alias, Ref, UnitRow
from transforms.review.site.index import Index


def unit_row(unit: Unit, index: Index) -> UnitRow:
    """Return one unit."""
    dictionary = index.dictionary
    base = next((one.code for one in dictionary.units.values() if one.dimension == unit.dimension and one.factor == 1
                 and not one.offset), None)  # fmt: skip
    called = (
        Alias(
            Ref(source.name, anchor("source", source.name), source.label),
            tuple(word for word, code in source.unit_aliases.items() if code == unit.code),
        )
        for source in dictionary.sources.values()
    )
    return UnitRow(
        code=unit.code,
        anchor=anchor("unit", unit.code),
        label=unit.label,
        ucum=unit.ucum,
        dimension=unit.dimension,
        factor=str(unit.factor) if unit.factor else None,
        offset=str(unit.offset) if unit.offset else None,
        counted=unit.counted,
        base=index.unit(base),
        aliases=tuple(alias for alias in called if alias.words),
        fields=tuple(index.field(field.name) for field in dictionary.fields.values() if field.unit == unit.code),
    )
