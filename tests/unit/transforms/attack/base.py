"""A small dictionary that has one of everything, and hostile things to put in its place."""

from __future__ import annotations

from pathlib import Path

from tests.unit.transforms.conftest import SMALL

BASE = {
    **SMALL,
    "units.yaml": SMALL["units.yaml"].replace(
        "aliases:",
        '  XBX: {label: {zh: 盒, en: box}, ucum: "{box}", dimension: packaging}\n'
        '  CEL: {label: {zh: 度, en: degree}, ucum: Cel, dimension: temperature, factor: "1"}\n'
        '  FAH: {label: {zh: 华, en: F}, ucum: "[degF]", dimension: temperature, factor: 5/9, offset: "-32"}\naliases:',
    ),
    "codesets/state.yaml": SMALL["codesets/state.yaml"].replace(
        "unmapped:",
        '  - {system: erp, code: "9", to: ON, valid_to: "2021-06-01", relationship: related-to, note: re-used}\n'
        '  - {system: erp, code: "9", to: "NO", valid_from: "2021-06-01", depends_on: {part: A}}\nunmapped:',
    ),
    "fields.yaml": SMALL["fields.yaml"]
    + "  seq: {label: {zh: a, en: a}, definition: d, type: integer, owner: o, example: '2'}\n"
    "  note:\n"
    "    {label: {zh: n, en: n}, definition: d, type: string(3), owner: o, example: abc, check: [gs1_cset82],\n"
    "    on_error: {default: LOT-101}, tolerate: {LOT-101: null}, sensitivity: personal, standard_refs: [A, B],\n"
    "    keep_raw: false, retention: device_life_2y, protect: {in_logs: omit, in_export: mask}}\n"
    "  much: {label: {zh: m, en: m}, definition: d, type: 'decimal(18,6)', unit: C62, rounding: half_up, owner: o,\n"
    "    example: '1.5'}\n",
    # The codes of the set hang on a time and on another column.
    "mappings/erp.parts.yaml": SMALL["mappings/erp.parts.yaml"]
    .replace("state: integer}", "state: integer, part: text, day: date}")
    .replace("{expr: state,", "{expr: state, at: day,"),
    "mappings/erp.insp.yaml": """mapping: erp.insp
version: "1"
source:
  table: erp.insp
  columns: {no: text, part: text, owner_id: integer, day: date, s1: integer, t1: text, t2: text, vals: text, n: decimal}
lookups:
  owner:
    table: erp.owners
    match: owner.id = owner_id AND owner.no = no
    missing: REF-301
    columns: {id: integer, no: text, name: text, since: date, till: date}
    valid: {at: day, from: since, to: till}
let:
  number: CLEAN(no)
  known: number IS NOT NULL AND owner.name IS NOT NULL
where: number <> 'skip'
targets:
  - table: trace.owned
    when: known AND part IS NOT NULL
    key: [part_id]
    columns:
      part_id: CLEAN(part)
      state: {expr: s1, at: day, required: true}
      much: {expr: "TO_UNIT(n, 'PCS', 'C62')", sign: "CASE WHEN s1 = 1 THEN -1 ELSE 1 END"}
    references:
      - {columns: [part_id], to: trace.part, required: false}
  - table: trace.result
    key: [part_id, seq]
    on_delete: delete
    explode: {from: [{at: 1, value: t1}, {at: 2, value: t2}], skip: value IS NULL}
    columns: {part_id: number, seq: at, note: value}
    checks:
      - {rule: note <> 'bad', error: QC-101}
  - table: trace.value
    key: [part_id, seq]
    explode: {split: vals, by: "|", as: piece, seq: at}
    columns: {part_id: number, seq: at, note: "SUBSTRING(piece, 1, 3)"}
  - table: trace.place
    key: [part_id]
    order: day + 1
    columns: {part_id: number, note: "CONCAT('x', SPLIT(t1, ';', 1))"}
examples:
  - name: all of it
    in: {no: " P1", part: A, owner_id: "5", day: "2026-01-31", s1: "1", t1: x, t2: y, vals: "2.0|| 3", n: "1.5"}
    lookups: {owner: {id: "5", no: P1, name: O}}
    out:
      trace.owned: [{part_id: A, state: ON, much: "-1.500000"}]
      trace.result: [{part_id: P1, seq: 1, note: x}, {part_id: P1, seq: 2, note: y}]
      trace.value: [{part_id: P1, seq: 1, note: "2.0"}, {part_id: P1, seq: 2},
                    {part_id: P1, seq: 3, warnings: [LOT-101 note]}]
      trace.place: [{part_id: P1, note: xx, order: "2026-02-01"}]
  - {name: not wanted, like: all of it, in: {no: skip}, filtered: true}
  - {name: nobody, like: all of it, lookups: {owner: missing}, refused: REF-301}
""",
    "folds/trace.place.yaml": """fold: trace.place
key: [part_id]
order: date
columns:
  note: {take: owner erp, required: true}
  state: last
references:
  - {columns: [part_id], to: trace.part, required: false}
""",
}
# What an author of a dictionary may write by mistake or on purpose, as YAML.
SCALARS = (
    *(
        "",
        '""',
        "~",
        "null",
        "NO",
        "010",
        "0x10",
        "12:30",
        "1e999999999",
        "-1",
        "0",
        "9" * 5000,
        "'" + "9" * 5000 + "'",
    ),
    *(
        "*x",
        "&x y",
        "!!python/object/apply:os.system [id]",
        "!x y",
        "<<",
        "? x",
        "- - -",
        "[" * 400,
        "{" * 400,
        "[]",
        "{}",
    ),
    *(
        "string(0)",
        "string(99999)",
        "decimal(99999,99)",
        "decimal(5,9)",
        "1/0",
        "5/9",
        "../../etc/passwd",
        "/",
        ".",
        "..",
    ),
    *(
        '"\\0"',
        '"\\ud800"',
        '"\\Uffffffff"',
        '"\\x"',
        "\u202e",
        "\ufeff",
        "\x85",
        "\u2028",
        "\x00",
        "\x1b[2J",
        "'\n\n'",
    ),
    *(
        "ｅｒｐ",
        "еrp",
        "__class__",
        "{0.__class__}",
        "%s%n",
        "'; DROP TABLE x; --",
        "a\u0301",
        "\U00020bb7",
        "a" * 5000,
    ),
    *(
        "REF-301",
        "DIC-101",
        "LOT-101",
        "erp",
        "erp.insp",
        "trace.part",
        "part_id",
        "number",
        "owner",
        "owner.name",
        "2026-01-31",
    ),
    *(
        "0000-00-00",
        "2026-W05-6",
        "1 = 1",
        "SELECT 1",
        "owner.no = no",
        "number + 1",
        "CONCAT(no, no)",
        "known",
        "x IS NULL",
    ),
    *(
        "%YAML 9.9",
        "%YAML " + "9" * 5000 + ".1",
        "---",
        "...",
        "#",
        ": ",
        "|",
        ">",
        "|9999999999",
        "true",
        "false",
        "first",
    ),
)


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write a folder; texts as UTF-8."""
    for file, content in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return root
