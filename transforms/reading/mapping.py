"""A mapping as written (`mappings/<source>.<table>.yaml`) to a compiled mapping; references come when all are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from transforms import refusal
from transforms.errors import Faults
from transforms.expression.builder import Scope
from transforms.expression.term import Term
from transforms.mapping import Lookup, Mapping, MirrorRef, Target
from transforms.normalise import RowPlan, compile_plan
from transforms.reading.column import Vocabulary
from transforms.reading.example import EXAMPLE, read_examples
from transforms.reading.inputs import COLUMNS, READING_CODES, Inputs, read_columns
from transforms.reading.let import Lets
from transforms.reading.lookup import LOOKUP, gate_of, hangs_on, read_lookup, read_mirror
from transforms.reading.target import TARGET, TargetReader, read_condition
from transforms.reading.translation import translator
from transforms.vocabulary.unit_names import UnitNames
from transforms.waiver import waive
from transforms.yaml.document import Node
from transforms.yaml.name import WORD
from transforms.yaml.section import Section, is_unusable, read_section
from transforms.yaml.shape import Many, Named, Shape, Text

_SOURCE = Shape(
    {"table": Text("The mirror: source.table."), "columns": COLUMNS},
    {"key": Many(Text(), "The key of the source table: a change of it is a delete and a new row.")},
    told="The mirror that is read.",
)
MAPPING = Shape(
    {
        "mapping": Text("Its name; the file has the same: SOURCE.TABLE."),
        "version": Text("Version of this mapping."),
        "source": _SOURCE,
        "examples": Many(EXAMPLE, "Rows with their outcome; they are run at every load."),
    },
    {
        "lookups": Named(LOOKUP, "Other mirrors' rows, by the name that expressions use: NAME.COLUMN.", WORD),
        "where": Text("A condition; a row for which it is false or NULL leaves the canonical tables."),
        "let": Named(Text("An expression."), "Named expressions, used like columns of the source row.", WORD),
        "target": TARGET,
        "targets": Many(TARGET, "Several canonical tables."),
    },
    told="mappings/SOURCE.TABLE.yaml: how a row of a mirror becomes rows of canonical tables.",
    one_of=("target", "targets"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping whose references are still to be resolved against the other mappings' tables."""

    mapping: Mapping
    targets: tuple[Section, ...]

    def tables(self) -> Iterator[tuple[Target, Section]]:
        """Yield the targets with the places where they are described."""
        yield from zip(self.mapping.targets, self.targets, strict=True)


@dataclass(slots=True)
class _Reading:
    """What the parts of one mapping file share while it is read."""

    inputs: Inputs
    scope: Scope
    vocabulary: Vocabulary
    faults: Faults


def read_mapping(node: Node, vocabulary: Vocabulary, faults: Faults) -> Draft | None:
    """Return the mapping of one file, None if it is not usable (its faults are recorded)."""
    before = len(faults.found)
    section = read_section(node, faults, MAPPING)
    source = section and section.section("source", _SOURCE)
    name = section and section.scalar("mapping")
    nodes = _target_nodes(section, faults) if section else ()
    if not (section and source and nodes and name):
        return None
    mirror = read_mirror(source.scalar("table"), vocabulary.sources, faults)
    if mirror is None or mirror.schema not in vocabulary.sources:
        return None
    reading = _open(source, mirror, vocabulary, faults)
    lookups = _read_lookups(section, reading)
    plan, targets, sections = _read_plan(section, nodes, lookups, mirror, reading)
    _check_tables(targets, sections, faults)
    if is_unusable(faults.found[before:]):
        return None
    mapping = Mapping(
        name.text,
        mirror,
        lookups,
        tuple(reading.inputs.used),
        targets,
        compile_plan(plan),
        frozenset(reading.scope.codes),
        source_key=tuple(column.text for column in source.texts("key")),
        waive=partial(waive, plan, targets, vocabulary.fields, vocabulary.terms),
        filters=plan.filters,
    )
    return Draft(read_examples(section, mapping, reading.inputs, faults), sections)


def written_tables(node: Node) -> Iterator[str]:
    """Yield the canonical tables that a mapping file names, whatever its faults."""
    silent = Faults()
    section = read_section(node, silent, MAPPING)
    one = section.node("target") if section else None
    for target in (*(section.items("targets") if section else ()), *((one,) if one else ())):
        read = read_section(target, silent, TARGET)
        if read:
            yield read.text("table")


def _target_nodes(section: Section, faults: Faults) -> tuple[Node, ...]:
    """Return the tables that the mapping fills: one under `target`, several under `targets`."""
    one, several = section.node("target"), section.items("targets")
    if (one is None) == (not several):
        faults.add(section.place, "DIC-104", "a mapping has either `target` or a list of `targets`")
        return ()
    return several or ((one,) if one else ())


def _check_tables(targets: tuple[Target, ...], sections: tuple[Section, ...], faults: Faults) -> None:
    """A table has one target: whose rows are whose could not be told by their source row otherwise."""
    tables = [str(target) for target in targets]
    for place, (table, section) in enumerate(zip(tables, sections, strict=True)):
        if table in tables[:place]:
            more = "for several rows of one source row use `explode`, for one or the other CASE in its columns"
            faults.add(section.place_of("table"), "DIC-112", f"`{table}` is a target of this mapping already: {more}")


def _open(source: Section, mirror: MirrorRef, vocabulary: Vocabulary, faults: Faults) -> _Reading:
    inputs = Inputs()
    inputs.declare("", str(mirror), read_columns(source.node("columns"), faults))
    described, codes = vocabulary.sources[mirror.schema], set[str]()
    names = UnitNames(vocabulary.units, described.unit_aliases)
    translate = translator(described, vocabulary.codesets)

    def resolve(alias: str, column: str) -> Term | None:
        code = READING_CODES.get(inputs.declared_type(alias, column) or "")
        codes.update((code,) if code else ())
        return inputs.resolve(alias, column)

    scope = Scope(resolve, inputs.known, names, codes, translate=translate)
    scope.tokens, scope.branches = vocabulary.tokens, vocabulary.branches
    return _Reading(inputs, scope, vocabulary, faults)


def _read_lookups(section: Section, reading: _Reading) -> tuple[Lookup, ...]:
    known = (reading.vocabulary.sources, reading.vocabulary.errors)
    read = [
        read_lookup(alias, node, reading.inputs, known, reading.faults) for alias, node in section.entries("lookups")
    ]
    lookups = tuple(lookup for lookup in read if lookup)
    if lookups:
        reading.scope.codes.add(refusal.SEVERAL_FOUND)
    reading.scope.codes.update(lookup.missing for lookup in lookups if lookup.missing)
    return lookups


def _read_plan(
    section: Section, nodes: tuple[Node, ...], lookups: tuple[Lookup, ...], mirror: MirrorRef, reading: _Reading
) -> tuple[RowPlan, tuple[Target, ...], tuple[Section, ...]]:
    lets = Lets(section, reading.scope, reading.faults)
    where = read_condition(section.scalar("where"), lets.scope, reading.faults)
    first = hangs_on(lookups, reading.inputs.aliases())
    gates_before = tuple(gate_of(lookup, reading.inputs) for lookup in lookups if lookup.alias in first)
    gates_after = tuple(gate_of(lookup, reading.inputs) for lookup in lookups if lookup.alias not in first)
    lets.read_all()
    reader = TargetReader(reading.vocabulary.sources[mirror.schema], lets.scope, reading.vocabulary, reading.faults)
    read = [found for found in map(reader.read, nodes) if found]
    plan = RowPlan(gates_before, where, gates_after, tuple(target.plan for target in read))
    return plan, tuple(target.target for target in read), tuple(target.section for target in read)
