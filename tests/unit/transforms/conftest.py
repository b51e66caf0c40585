"""What tests of the dictionary share: compiling an expression over declared columns, and writing a small dictionary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from transforms.errors import Fault, Faults
from transforms.expression import Scope, Term, compile_expression
from transforms.load import load
from transforms.model import Label, Unit
from transforms.reading.inputs import Inputs
from transforms.vocabulary.unit_names import UnitNames
from transforms.yaml.document import Scalar, parse_document

Compile = Callable[..., Term]


TYPES = {"t": "text", "c": "char", "i": "integer", "d": "decimal", "b": "boolean", "y": "date", "s": "timestamp"}


class Expressions:
    """Compiles expressions over one row type: a name's first letter is its type (t1 text, i1 integer, d1 decimal)."""

    def __init__(self) -> None:
        names = {f"{letter}{number}": kind for letter, kind in TYPES.items() for number in (1, 2, 3)}
        self.columns = names | {"z1": "timestamptz", "f1": "double", "q1": "bit", "u1": "uuid"}

    def compile(self, text: str) -> tuple[Term | None, list[Fault], Inputs, set[str]]:
        faults = Faults()
        scalar = parse_document("rule.yaml", quote(text), faults)
        assert isinstance(scalar, Scalar)
        inputs = Inputs()
        inputs.declare("", "erp.rows", {name: (kind, scalar.place) for name, kind in self.columns.items()})
        inputs.declare("ref", "erp.refs", {"t1": ("text", scalar.place)})
        scope = Scope(
            inputs.resolve, inputs.known, UnitNames(UNITS, {"盒": "XBX", "mm": "MMT", "in": "INH", "个": "C62"})
        )
        term = compile_expression(scalar, scope, faults)
        return term, faults.found, inputs, scope.codes

    def value(self, text: str, **row: object) -> object:
        """Evaluate `text` on a row; columns that are not named are NULL."""
        term, faults, inputs, _ = self.compile(text)
        assert term is not None, faults
        return term.run([row.get(used.column or "") for used in inputs.used])

    def fault(self, text: str) -> Fault:
        """Return the one fault of an expression that must be refused."""
        term, faults, _, _ = self.compile(text)
        assert term is None
        assert len(faults) == 1, faults
        return faults[0]


def quote(text: str) -> str:
    """Return `text` as a YAML scalar; in double quotes the place of every character is known."""
    return "'" + text.replace("'", "''") + "'" if {'"', "\\"} & {*text} else f'"{text}"'


def _unit(code: str, dimension: str, factor: str | None) -> Unit:
    from fractions import Fraction  # noqa: PLC0415

    return Unit(code, code, dimension, Label(code, code), Fraction(factor) if factor else None)


UNITS = {
    "C62": _unit("C62", "count", "1"),
    "XBX": _unit("XBX", "count", None),
    "MTR": _unit("MTR", "length", "1"),
    "MMT": _unit("MMT", "length", "1/1000"),
    "INH": _unit("INH", "length", "254/10000"),
    "KGM": _unit("KGM", "mass", "1"),
}


@pytest.fixture
def expressions() -> Expressions:
    return Expressions()


SMALL = {
    "dictionary.yaml": 'dictionary: small\nversion: "1"\nstatus: draft\n',
    "errors.yaml": "".join(
        f"{code}: {{kind: row, label: {{zh: z, en: t}}, cause: c, action: a, owner: o}}\n"
        for code in (
            *("REQ-101", "TXT-101", "NUM-101", "DAT-101", "COD-201", "REF-301", "REF-302", "LOT-101", "QC-101"),
            *("UOM-201", "UOM-202", "UOM-203", "UDI-101", "UDI-102"),
        )
    )
    + "DIC-101: {kind: fatal, label: {zh: z, en: t}, cause: c, action: a, owner: o}\n",
    "units.yaml": "units:\n"
    '  C62: {label: {zh: 个, en: one}, ucum: "{piece}", dimension: count, factor: "1"}\n'
    "aliases:\n  erp: {PCS: C62}\n",
    "sources/erp.yaml": 'source: erp\nlabel: {zh: e, en: e}\ntime_zone: Asia/Shanghai\nnull_tokens: ["", "-"]\n',
    "codesets/state.yaml": 'code_set: state\nversion: "1"\ncodes: {ON: {zh: 开, en: On}, "NO": {zh: 否, en: No}}\n'
    "normalise: [trim, upper]\nsynonyms:\n"
    '  - {system: erp, code: "1", to: ON}\n  - {system: erp, code: "0", to: "NO"}\nunmapped: COD-201\n',
    "fields.yaml": "fields:\n"
    "  part_id: {label: {zh: p, en: p}, definition: d, type: string(5), owner: o, example: P1}\n"
    "  state: {label: {zh: s, en: s}, definition: d, type: code, code_set: state, owner: o, example: ON}\n",
    "mappings/erp.parts.yaml": "mapping: erp.parts\n"
    'version: "1"\n'
    "source:\n"
    "  table: erp.parts\n"
    "  columns: {no: text, state: integer}\n"
    "target:\n"
    "  table: trace.part\n"
    "  key: [part_id]\n"
    "  on_delete: delete\n"
    "  columns:\n"
    "    part_id: CLEAN(no)\n"
    "    state: {expr: state, required: true}\n"
    "examples:\n"
    "  - {name: good, in: {no: P1, state: 1}, out: {part_id: P1, state: ON}}\n",
}


class Folder:
    """A small dictionary on disk, whose files a test changes before it is loaded."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for file, text in SMALL.items():
            self.write(file, text)

    def write(self, file: str, text: str) -> Folder:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def replace(self, file: str, old: str, new: str) -> Folder:
        text = (self.root / file).read_text(encoding="utf-8")
        assert old in text
        return self.write(file, text.replace(old, new))

    def load(self):
        return load(self.root)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "small")
