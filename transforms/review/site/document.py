"""What the page says, as data. Every thing that can be linked has its anchor; a `Ref` is a link to one.

Values are texts as they are shown: decimals in full, times in the source's zone, None for NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from transforms.model import Label

PartKind = Literal["text", "column", "name", "function", "constant"]


@dataclass(frozen=True, slots=True)
class Ref:
    """A word that leads to a place of the page; `anchor` "" leads nowhere."""

    text: str
    anchor: str = ""
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an expression; all pieces in a row are the expression as it is written."""

    text: str
    kind: PartKind = "text"
    anchor: str = ""


Rule = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a value that does not fit, by the code of what is wrong with it.

    `effect`: `held` (the row waits), `kept` (the value stays, with a warning), `replaced` (by `by`; None: by nothing).
    """

    code: Ref
    effect: Literal["held", "kept", "replaced"]
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A named value of an example; `column` of a look-up stands behind its name and a point."""

    column: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an example shows of one column: what its rule was given, and the value that came out."""

    example: Ref
    given: tuple[Cell, ...]
    value: str
    meaning: Label | None


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """How a mapping fills one canonical column; `code_sets` are the field's, and those that the rule translates by.

    `raw`: the column beside it of what the source said, where that is kept.
    """

    name: str
    anchor: str
    table_column: Ref
    field: Ref
    label: Label
    type: str
    is_key: bool
    required: bool
    sources: tuple[Ref, ...]
    rule: Rule
    sign: Rule
    at: Rule
    code_sets: tuple[Ref, ...]
    unit: Ref | None
    outcomes: tuple[Outcome, ...]
    raw: Ref | None
    shown: Shown | None


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on the whole canonical row; what becomes of a row that breaks it."""

    rule: Rule
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns that stand for the key of another canonical table; `required`: the row waits until that one is there."""

    columns: tuple[str, ...]
    to: Ref
    required: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One part that `explode` makes of a source row: names and what they stand for."""

    values: tuple[tuple[str, Rule], ...]


@dataclass(frozen=True, slots=True)
class Explode:
    """How a source row becomes several canonical rows: its repeated columns, or the parts of a text."""

    items: tuple[Item, ...]
    split: Rule
    by: str
    name: str
    seq: str
    skip: Rule


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One canonical table as a mapping fills it, or contributes to it; `history` has all versions of its rows."""

    table: Ref
    anchor: str
    contributes: bool
    history: Ref | None
    key: tuple[str, ...]
    on_delete: Label
    when: Rule
    explode: Explode | None
    order: Rule
    columns: tuple[ColumnRow, ...]
    references: tuple[Reference, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class LookupRow:
    """Another mirror's row that a mapping reads: how it is found, and what it means if it is not."""

    name: str
    anchor: str
    table: Ref
    match: Rule
    valid: Rule
    missing: Outcome | None
    columns: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class LetRow:
    """A named expression of a mapping."""

    name: str
    anchor: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Refusal:
    """A code by which a mapping can hold a row: at which columns, look-ups and checks, and which examples show it."""

    code: Ref
    places: tuple[Ref, ...]
    examples: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class ExampleTable:
    """The canonical rows of an example in one table; NULLs are left out."""

    table: Ref
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a source row and its look-ups have that another one has not: values, look-ups that find none or several."""

    cells: tuple[Cell, ...]
    missing: tuple[str, ...]
    several: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaterRow:
    """What happens to an example's row next: a change of what is `given`, or, where that is None, its delete.

    `gone`, `marked` and `kept` are rows by their keys. `outcome` `left`: of a delete, they tell all.
    """

    given: Given | None
    outcome: Literal["rows", "held", "filtered", "left"]
    code: Ref | None
    tables: tuple[ExampleTable, ...]
    gone: tuple[ExampleTable, ...]
    marked: tuple[ExampleTable, ...]
    kept: tuple[ExampleTable, ...]


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """An example: a source row and what becomes of it, and what happens then.

    With `like`, `given` is what differs from that example, else all that is not NULL. `outcome` `held` has `code`.
    """

    name: str
    anchor: str
    like: Ref | None
    given: Given
    outcome: Literal["rows", "held", "filtered"]
    code: Ref | None
    tables: tuple[ExampleTable, ...]
    then: tuple[LaterRow, ...]


@dataclass(frozen=True, slots=True)
class MappingPage:
    """One mapping: from the rows of a mirror to canonical rows."""

    name: str
    anchor: str
    version: str
    source: Ref
    table: Ref
    where: Rule
    lookups: tuple[LookupRow, ...]
    lets: tuple[LetRow, ...]
    targets: tuple[TargetTable, ...]
    refusals: tuple[Refusal, ...]
    examples: tuple[ExampleRow, ...]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A canonical column, whoever fills it. `take`: whose value a folded row has; None where nothing is folded.

    `field` None: the service fills it.
    """

    name: str
    anchor: str
    field: Ref | None
    label: Label
    type: str
    is_key: bool
    required: bool
    take: Label | None
    filled_by: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class SaidRow:
    """What one source row says of a folded row; `deleted`: its source has deleted it since."""

    mapping: Ref
    source_key: str
    cells: tuple[Cell, ...]
    deleted: bool


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """A value that was said of a folded row and not taken."""

    cell: Cell
    mapping: Ref
    source_key: str


@dataclass(frozen=True, slots=True)
class FoldExampleRow:
    """An example of a fold: contributions, and the row; with `code` it is held. `marked`: it is a tombstone."""

    name: str
    anchor: str
    said: tuple[SaidRow, ...]
    code: Ref | None
    cells: tuple[Cell, ...]
    marked: bool
    conflicts: tuple[ConflictRow, ...]


@dataclass(frozen=True, slots=True)
class TablePage:
    """A canonical table. `folded`: several source rows make one of its rows; `order` tells the first from the last.

    `versions_of`: of a history, the table whose rows it has all versions of.
    """

    name: str
    anchor: str
    folded: bool
    order: Label | None
    versions_of: Ref | None
    columns: tuple[TableColumn, ...]
    references: tuple[Reference, ...]
    mappings: tuple[Ref, ...]
    examples: tuple[FoldExampleRow, ...]


@dataclass(frozen=True, slots=True)
class SynonymRow:
    """What one source calls a canonical code: from when to before when, and beside which values of other columns."""

    source: Ref
    code: str
    to: Ref
    valid_from: str | None
    valid_to: str | None
    depends_on: tuple[Cell, ...]
    relationship: Label | None
    note: str


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A canonical code and what sources call it."""

    code: str
    anchor: str
    label: Label
    standard: str
    synonyms: tuple[SynonymRow, ...]


@dataclass(frozen=True, slots=True)
class CodeSetPage:
    """A code set. `normalise`: how codes of sources are compared; `unmapped`: what becomes of one that is not here."""

    name: str
    anchor: str
    version: str
    normalise: tuple[Label, ...]
    unmapped: Outcome
    codes: tuple[CodeRow, ...]
    fields: tuple[Ref, ...]
    columns: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class FieldCheck:
    """A check of a field: what it asks for, and what becomes of a value that fails it."""

    name: Label
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class FieldPage:
    """A canonical field. `refused`: the codes of what does not fit its type; `tolerated`: what passes, and as what.

    `nothing`: values that mean that there is none. `retention` and `protect`: how records with it are to be kept, and
    its values to be shown elsewhere.
    """

    name: str
    anchor: str
    label: Label
    definition: str
    type: str
    stored: str
    owner: str
    sensitivity: Label
    keep_raw: bool
    retention: Label | None
    protect: tuple[Label, ...]
    example: str
    code_set: Ref | None
    unit: Ref | None
    rounding: Label | None
    nothing: tuple[str, ...]
    checks: tuple[FieldCheck, ...]
    refused: tuple[Ref, ...]
    tolerated: tuple[Outcome, ...]
    standard_refs: tuple[str, ...]
    columns: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Alias:
    """What a source calls a unit."""

    source: Ref
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A unit. One of it is `factor` of `base`; before that `offset` is added. Without `factor` it is packaging.

    `counted`: quantities in it are whole numbers.
    """

    code: str
    anchor: str
    label: Label
    ucum: str
    dimension: str
    factor: str | None
    offset: str | None
    counted: bool
    base: Ref | None
    aliases: tuple[Alias, ...]
    fields: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A code: what happened, why, what to do, whose it is, and which mappings can hold a row by it."""

    code: str
    anchor: str
    kind: Label
    label: Label
    cause: str
    action: str
    owner: str
    mappings: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a source as mappings declare it, and the canonical columns that it has a part in."""

    name: str
    anchor: str
    type: str
    feeds: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of a source as far as mappings read it."""

    name: str
    anchor: str
    mapping: Ref | None
    columns: tuple[SourceColumn, ...]


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A source system: its clock, its words for "nothing", and the tables of it that are read."""

    name: str
    anchor: str
    label: Label
    time_zone: str
    null_tokens: tuple[str, ...]
    tables: tuple[SourceTable, ...]


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A function of the language and what it gives."""

    name: str
    anchor: str
    form: str
    gives: Label


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature of this version. `fault` None: it counts; else why it does not."""

    signer: str
    role: str
    meaning: str
    time: str
    fault: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The signatures that are there, and what the version still needs; nothing `missing` is approved."""

    signatures: tuple[Signature, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """All of it. `standing` None: nobody looked at signatures."""

    dictionary: str
    version: str
    status: str
    status_label: Label
    author: str
    digest: str
    standing: Standing | None
    mappings: tuple[MappingPage, ...]
    tables: tuple[TablePage, ...]
    codesets: tuple[CodeSetPage, ...]
    fields: tuple[FieldPage, ...]
    units: tuple[UnitRow, ...]
    errors: tuple[ErrorRow, ...]
    sources: tuple[SourcePage, ...]
    functions: tuple[FunctionRow, ...]
