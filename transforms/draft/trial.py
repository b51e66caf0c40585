"""A guess tried on sampled rows by the engine that would derive by it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Final

from transforms.draft.table import Sample, SourceTable
from transforms.errors import Faults, Refused
from transforms.mapping import Mapping
from transforms.model import Dictionary, Field
from transforms.reading.column import Vocabulary
from transforms.reading.mapping import read_mapping
from transforms.refusal import REQUIRED
from transforms.yaml.document import parse_document

_EXAMPLES = "DIC-141"  # it has none, and needs none here


@dataclass(frozen=True, slots=True)
class Trial:
    """How many of the sampled rows passed, had nothing to say, or were refused, by code; or why it is no rule."""

    passed: int = 0
    nothing: int = 0
    refused: Map[str, int] = field(default_factory=dict)
    fault: str = ""

    @property
    def share(self) -> float | None:
        """The part of the values that passed, None where there were none."""
        values = self.passed + sum(self.refused.values())
        return self.passed / values if values else None

    def __str__(self) -> str:
        values = self.passed + sum(self.refused.values())
        if not values:
            return "no value in the sample" if self.nothing else ""
        codes = ", ".join(f"{code} {count}" for code, count in sorted(self.refused.items()))
        return f"{self.passed} of {values} sampled values pass" + (f", refused: {codes}" if codes else "")


NO_TRIAL: Final = Trial()
"""Nothing was tried."""


def vocabulary_of(dictionary: Dictionary) -> Vocabulary:
    """Return what a mapping may be written in terms of."""
    one = dictionary
    return Vocabulary(one.fields, one.codesets, one.units, one.sources, one.errors)


def try_rule(rule: str, target: Field, table: SourceTable, sample: Sample, vocabulary: Vocabulary) -> Trial:
    """Run the rule of one column on every sampled row."""
    mapping, fault = _compile(rule, target, table, vocabulary)
    if mapping is None:
        return Trial(fault=fault)
    refused: Counter[str] = Counter()
    columns = [sample.values.get(used.column or "", ()) for used in mapping.inputs]
    for row in zip(*columns, strict=True) if all(columns) else ():
        refused[_outcome(mapping, row)] += 1
    passed, nothing = refused.pop("", 0), refused.pop(REQUIRED, 0)
    return Trial(passed, nothing, dict(refused))


def _outcome(mapping: Mapping, row: tuple[object, ...]) -> str:
    try:
        mapping.normalise(row)
    except Refused as error:
        return error.code
    return ""


def _compile(rule: str, field: Field, table: SourceTable, vocabulary: Vocabulary) -> tuple[Mapping | None, str]:
    # It is the key, so that a row without a value is told from one that passes (REQ-101).
    # Only columns that the rule can mean: a table has a hundred of them, and is tried a thousand times.
    meant = (column for column in table.columns if column.declared and column.name.replace('"', '""') in rule)
    columns = {column.name: column.declared for column in meant}
    document = {
        "mapping": str(table),
        "version": "draft",
        "source": {"table": str(table), "columns": columns},
        "target": {"table": "draft.trial", "key": ["value"], "columns": {"value": {"expr": rule, "field": field.name}}},
        "examples": [],
    }
    faults = Faults()
    node = parse_document("draft", json.dumps(document, ensure_ascii=False), faults)
    draft = read_mapping(node, vocabulary, faults) if node else None
    told = [fault.message.partition("\n")[0] for fault in faults.found if fault.code != _EXAMPLES]
    return (draft.mapping, "") if draft and not told else (None, "; ".join(told))
