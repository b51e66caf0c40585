"""One canonical column of a mapping: its expression, and the steps by which the result becomes a value of its field."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Set
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

from transforms import refusal
from transforms.errors import Faults
from transforms.expression.arithmetic import product
from transforms.expression.branch import Branches
from transforms.expression.builder import Scope, Untranslatable, own_codes
from transforms.expression.code import Inline
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Term, strict, text_said
from transforms.mapping import Column, Fold
from transforms.model import CodeSet, ErrorEntry, Field, Source, Unit
from transforms.normalise import ColumnPlan, Step
from transforms.reading.translation import nothing, translator
from transforms.value import number
from transforms.value.gs1 import to_gtin14
from transforms.value.kind import NUMBERS, Kind
from transforms.value.text import BLANKS
from transforms.value.token import TokenKeys
from transforms.vocabulary.field import Terms
from transforms.vocabulary.field_type import ACCEPTED, CODED, check_step, fitting_step, postgresql_type
from transforms.yaml.document import Node, Scalar
from transforms.yaml.section import Section, read_scalar, read_section, suggest
from transforms.yaml.shape import Either, Many, Shape, Text, flag

_DATES = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)
_EXPRESSION = Text("An expression over the source row and its look-ups.")
_COLUMN = Shape(
    {"expr": _EXPRESSION},
    {
        "field": Text("The canonical field, where its name is not the column's."),
        "required": flag("Whether a row without a value is refused (REQ-101)."),
        "sign": Text("What the quantity is multiplied by."),
        "at": Text("The moment at which its codes have to be valid."),
        "never": Many(Text(), "Codes that it never has, whatever the source says: no example shows them."),
    },
)
COLUMN = Either((_EXPRESSION, _COLUMN))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What mappings are written in terms of."""

    fields: Map[str, Field]
    codesets: Map[str, CodeSet]
    units: Map[str, Unit]
    sources: Map[str, Source]
    errors: Map[str, ErrorEntry]
    folds: Map[str, Fold | None] = dataclass_field(default_factory=dict)
    """By table; None is one with faults, of which nothing else is said."""
    tokens: TokenKeys = dataclass_field(default_factory=TokenKeys)
    branches: Branches | None = None

    @property
    def terms(self) -> Terms:
        """What values of fields are written in."""
        return Terms(self.codesets, self.units, self.errors)


@dataclass(frozen=True, slots=True)
class ColumnReader:
    """Reads the columns of one mapping."""

    source: Source
    scope: Scope
    vocabulary: Vocabulary
    faults: Faults

    def read(self, name: Scalar, node: Node, *, key: bool) -> tuple[Column, Field, ColumnPlan] | None:
        """Return a column with its field and plan; `node` is an expression, or a table with `expr`."""
        short = isinstance(node, Scalar)
        section = None if short else read_section(node, self.faults, _COLUMN)
        scalar = section.scalar("expr") if section else read_scalar(node, name.text, self.faults) if short else None
        required = bool(section and section.flag("required")) or key
        field = self._field(name, section)
        fits: set[str] = set()
        with own_codes(self.scope) as found:
            plan = self._plan(name, scalar, field, section, fits, required=required)
        tolerated = field.tolerate if field else {}
        always = {refusal.REQUIRED} if required else set()
        codes = (found - tolerated.keys()) | always
        self.scope.codes.update(codes)
        if field is None or plan is None:
            return None
        plan = replace(plan, tolerates={code: value for code, value in tolerated.items() if code in found})
        warns = frozenset(plan.tolerates) | _warns(field)
        column = Column(
            name.text,
            postgresql_type(field.type),
            required,
            frozenset(codes),
            str(field.label),
            field.name,
            fits=frozenset((fits - tolerated.keys()) | always),
            warns=warns,
            never=self._never(section, codes | warns),
        )
        return column, field, plan

    def _never(self, section: Section | None, known: Set[str]) -> frozenset[str]:
        named = section.texts("never") if section else ()
        for code in (code for code in named if code.text not in known):
            message = f"this column never refuses with `{code.text}` anyway, only with {', '.join(sorted(known))}"
            self.faults.add(code.place, "DIC-111", message)
        return frozenset(code.text for code in named)

    def _plan(
        self,
        name: Scalar,
        scalar: Scalar | None,
        field: Field | None,
        section: Section | None,
        fits: set[str],
        *,
        required: bool,
    ) -> ColumnPlan | None:
        """Return how it gets its value; `fits` gets the codes that are about the value which comes out."""
        term = compile_expression(scalar, self.scope, self.faults) if scalar else None
        if section and term:
            term = self._signed(term, section.scalar("sign"))
        if not (scalar and field and term):
            return None
        self._check_unit(term, field, scalar)
        self._check_kind(term, field, scalar)
        said = text_said(term) if field.keep_raw else None
        if field.nothing:
            term = strict(term.kind, _none_of(term, field), term)
        with own_codes(self.scope) as own:
            term = self._translated(term, field, section, scalar)
            steps = self._steps(term, field)
        fits.update(own)
        self.scope.codes.update(own)
        return ColumnPlan(name.text, term.code, steps, required, warns=field.warns, said=said)

    def _translated(self, term: Term, field: Field, section: Section | None, scalar: Scalar) -> Term:
        """Return what the codes of a field mean, any other term as it is."""
        at = section.scalar("at") if section else None
        moment = compile_expression(at, self.scope, self.faults) if at else None
        if at and moment is None:
            return term
        if field.code_set is None:
            if at:
                self.faults.add(at.place, "DIC-104", "there is nothing that `at` would count for")
            return term
        translate = translator(self.source, self.vocabulary.codesets)
        try:
            meaning = translate(self.scope, term, field.code_set, moment)
        except Untranslatable as wrong:
            self.faults.add((at if at and wrong.at else scalar).place, wrong.code, str(wrong))
            return term
        # What it means is no text of the source any more.
        return replace(meaning, kind=Kind.NOTHING)

    def _signed(self, term: Term, sign: Scalar | None) -> Term | None:
        """Return the quantity times its sign; a source that keeps the two apart has them in two columns."""
        factor = compile_expression(sign, self.scope, self.faults) if sign else None
        if sign is None or factor is None:
            return None if sign else term
        for part, what in ((factor, "a sign"), (term, "what has a sign")):
            if part.kind not in (*NUMBERS, Kind.NOTHING):
                self.faults.add(sign.place, "DIC-123", f"{what} is a number, this is {part.kind}")
        return product(self.scope, term, factor)

    def _field(self, name: Scalar, section: Section | None) -> Field | None:
        scalar = (section.scalar("field") if section else None) or name
        field = self.vocabulary.fields.get(scalar.text)
        if field is None:
            message = f"unknown field `{scalar.text}`{suggest(scalar.text, self.vocabulary.fields)}"
            self.faults.add(scalar.place, "DIC-111", message)
        return field

    def _check_unit(self, term: Term, field: Field, scalar: Scalar) -> None:
        """A field in a fixed unit takes only values that were converted to it: ten times too much looks plausible."""
        if field.unit and term.unit != field.unit and term.kind is not Kind.NOTHING:
            told = f"this is in {term.unit}" if term.unit else "not every value of this is"
            convert = f"convert by TO_UNIT(value, unit, '{field.unit}')"
            self.faults.add(scalar.place, "DIC-123", f"field `{field.name}` is in {field.unit}, {told}: {convert}")

    def _check_kind(self, term: Term, field: Field, scalar: Scalar) -> None:
        accepted = CODED if field.code_set else ACCEPTED[field.type.kind]
        if term.kind not in (*accepted, Kind.NOTHING):
            wanted = " or ".join(map(str, accepted))
            message = f"field `{field.name}` is {field.type.kind} and takes {wanted}, this is {term.kind}"
            self.faults.add(scalar.place, "DIC-123", message)

    def _steps(self, term: Term, field: Field) -> tuple[Step, ...]:
        empty = [nothing(self.source.null_tokens)] if term.kind is Kind.TEXT else []
        fit, codes = fitting_step(field)
        checks = [check_step(field, name) for name in field.checks]
        self.scope.codes.update(codes, (code for _, code in checks if code not in field.warns))
        meaning = self._meaning_steps(field)
        return (*empty, *meaning, *([fit] if fit else []), *(step for step, _ in checks))

    def _meaning_steps(self, field: Field) -> tuple[Step, ...]:
        if field.code_set:
            return (Inline("{0} == 'TRUE'"),) if field.type.kind == "boolean" else ()
        if field.type.kind == "unit":
            self.scope.codes.add(refusal.UNIT_UNKNOWN)
            return (self.scope.units.code,)
        if field.type.kind == "gtin":
            self.scope.codes.update((refusal.GTIN_SHAPE, refusal.GTIN_CHECK_DIGIT))
            return (Inline("{1}({0}.strip({2}))", to_gtin14, BLANKS),)
        return ()


def _warns(field: Field) -> frozenset[str]:
    """Return the codes of checks that its values may fail."""
    return frozenset(check_step(field, name)[1] for name in field.checks) & field.warns


def _none_of(term: Term, field: Field) -> Inline:
    """Return the step that takes what means "none" as NULL; of texts blanks around it do not count."""
    if term.kind is Kind.TEXT:
        return nothing(frozenset(map(str, field.nothing)))
    if field.code_set:
        return Inline("None if {1}({0}) in {2} else {0}", number.number_text, field.nothing)
    return Inline("None if {0} in {1} else {0}", field.nothing)
