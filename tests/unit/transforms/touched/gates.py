"""A dictionary of many small mappings, each of which uses one thing in one place alone: of it, nothing else is seen."""

from __future__ import annotations

from tests.unit.transforms.attack.base import BASE

_HEAD = """\
mapping: {name}
version: "1"
source:
  table: {name}
  columns: {{no: text, code: text, n: decimal, u: text, day: date}}
"""
_LABEL = "label: {zh: z, en: e}, definition: d, owner: o"
FIELDS = f"""fields:
  part_id: {{{_LABEL}, type: string(5), example: P1}}
  state: {{{_LABEL}, type: code, code_set: state, example: ON}}
  much: {{{_LABEL}, type: 'decimal(9,3)', unit: MMT, rounding: half_up, example: '1'}}
  uom: {{{_LABEL}, type: unit, example: MMT}}
  lot: {{{_LABEL}, type: string(9), example: A, check: [gs1_cset82], on_error: {{gs1_cset82: LOT-W01}}}}
  short: {{{_LABEL}, type: string(2), example: A, tolerate: {{TXT-101: null}}}}
"""
UNITS = """units:
  C62: {label: {zh: z, en: e}, ucum: "{piece}", dimension: count, factor: "1"}
  XBX: {label: {zh: z, en: e}, ucum: "{box}", dimension: packaging}
  MMT: {label: {zh: z, en: e}, ucum: mm, dimension: length, factor: "1/1000"}
  INH: {label: {zh: z, en: e}, ucum: "[in_i]", dimension: length, factor: 254/10000}
  CEL: {label: {zh: z, en: e}, ucum: Cel, dimension: temperature, factor: "1"}
  FAH: {label: {zh: z, en: e}, ucum: "[degF]", dimension: temperature, factor: 5/9, offset: "-32"}
aliases:
  erp: {mm: MMT, in: INH, F: FAH, PCS: C62}
  mes: {mm: MMT}
"""
CODES = """code_set: state
version: "1"
codes: {ON: {zh: z, en: e}, "OFF": {zh: z, en: e}}
normalise: [trim, upper]
synonyms:
  - {system: erp, code: "1", to: ON}
  - {system: erp, code: "2", to: "OFF", valid_to: "2026-03-01"}
  - {system: erp, code: "2", to: ON, valid_from: "2026-03-01"}
  - {system: erp, code: "3", to: ON, depends_on: {u: mm}}
  - {system: mes, code: "1", to: ON}
unmapped: COD-201
"""
FLAGS = """code_set: flag
version: "1"
codes: {ON: {zh: z, en: e}, "OFF": {zh: z, en: e}}
normalise: [upper]
synonyms:
  - {system: erp, code: "1", to: ON}
  - {system: erp, code: "2", to: "OFF"}
unmapped: COD-201
"""
_CODES = "".join(
    f"{code}: {{kind: {kind}, label: {{zh: z, en: t}}, cause: c, action: a, owner: o}}\n"
    for code, kind in (("LOT-W01", "warning"), ("QC-W01", "warning"), ("QC-102", "row"), ("KEY-201", "row"))
)
_KEY = "columns: {part_id: CLEAN(no)}"
_TARGET = "target:\n  table: trace.{table}\n  key: [part_id]\n"
_LOOKUP = (
    "lookups:\n  top: {table: erp.tops, match: top.id = no, columns: {id: text, root: text, since: date, till: date}"
)
# By mapping: what stands before its target, and in it.
GATES = {
    "erp.plain": ("", _KEY),
    "erp.where_code": ("where: CODE(code, 'flag') = 'ON'\n", _KEY),
    "erp.where_code_at": ("where: CODE(code, 'state', day) = 'ON'\n", _KEY),
    "erp.where_unit": ("where: TO_UNIT(n, u, 'MMT') > 5\n", _KEY),
    "erp.where_let": ("let: {size: \"TO_UNIT(n, 'in', 'MMT')\", big: size > 50}\nwhere: big\n", _KEY),
    "erp.when_code": ("", f"when: CODE(code, 'flag') = 'ON'\n  {_KEY}"),
    "erp.when_unit": ("", f"when: TO_UNIT(n, u, 'CEL') > 5\n  {_KEY}"),
    "erp.check_unit": ("", "columns: {part_id: CLEAN(no), short: u}\n  checks:\n"
                       "    - {rule: \"TO_UNIT(2, short, 'MMT') > 10\", error: QC-102}"),
    "erp.check_warns": ("", "columns: {part_id: CLEAN(no), short: u}\n  checks:\n"
                        "    - {rule: short <> 'mm', error: QC-W01}"),
    "erp.let_check": ("let: {of: \"SUBSTRING(code, 1, 1)\"}\n", "columns: {part_id: CLEAN(no), short: of}\n  checks:\n"
                      "    - {rule: short <> '1', error: QC-101}"),
    "erp.field_warns": ("", "columns: {part_id: CLEAN(no), lot: code}"),
    "erp.gate": (f"{_LOOKUP}, missing: REF-301}}\n", _KEY),
    "erp.gate_silent": (f"{_LOOKUP}}}\n", _KEY),
    "erp.gate_valid": (f"{_LOOKUP}, missing: REF-301, valid: {{at: day, from: since, to: till}}}}\n", _KEY),
    "erp.gate_chain": (f"{_LOOKUP}}}\n  root: "
                       "{table: erp.roots, match: root.id = top.root, columns: {id: text}, missing: REF-301}\n", _KEY),
    "erp.explode_unused": ("", "explode: {from: [{at: 1, v: \"TO_UNIT(n, u, 'MMT')\"}, {at: 2, v: n}]}\n"
                           "  columns: {part_id: \"CONCAT(no, at)\"}"),
    "erp.explode_skip": ("", "explode: {split: code, by: \"|\", as: part, seq: at,"
                         " skip: \"CODE(part, 'flag') = 'ON'\"}\n"
                         "  columns: {part_id: \"CONCAT(no, at)\"}"),
    "erp.order": ("let: {when_said: \"TO_UNIT(n, u, 'MMT')\"}\n", f"order: when_said\n  {_KEY}"),
    "erp.coded": ("", "columns: {part_id: CLEAN(no), state: {expr: code, at: day, required: true}}"),
    "erp.measured": ("", "columns: {part_id: CLEAN(no), much: \"TO_UNIT(n, u, 'MMT')\"}"),
    "erp.unpacked": ("", "columns: {part_id: CLEAN(no), much: \"TO_UNIT(n, u, 'MMT', 12)\"}"),
    "erp.unit": ("", "columns: {part_id: CLEAN(no), uom: {expr: u, required: true}}"),
    "mes.measured": ("", "history: trace.versions\n  columns: {part_id: CLEAN(no), much: \"TO_UNIT(n, u, 'MMT')\"}"),
}  # fmt: skip
FILES: dict[str, str | bytes] = {
    "dictionary.yaml": BASE["dictionary.yaml"],
    "errors.yaml": BASE["errors.yaml"] + _CODES,
    "units.yaml": UNITS,
    "fields.yaml": FIELDS,
    "codesets/state.yaml": CODES,
    "codesets/flag.yaml": FLAGS,
    "sources/erp.yaml": BASE["sources/erp.yaml"],
    "sources/mes.yaml": BASE["sources/erp.yaml"].replace("source: erp", "source: mes"),
    "folds/trace.order.yaml": "fold: trace.order\nkey: [part_id]\norder: number\ncolumns: {lot: last}\n",
}
_TOPS = ", lookups: {top: {id: P1, root: R1}}"
_ROOTS = ", lookups: {top: {id: P1, root: R1}, root: {id: R1}}"
_ROWS = (
    "{no: P1, code: '1', n: '7', u: mm, day: '2026-01-31'}",
    "{no: P1, code: '2', n: '7', u: in, day: '2026-01-31'}",
    "{no: P1, code: '2', n: '-7', u: F, day: '2026-05-31'}",
    "{no: P1, code: '1|2', n: '3', u: PCS}",
    "{no: P1, code: '3', n: '3', u: XBX}",
    "{no: P1, code: a b, n: '3', u: mm}",
)
for _name, (_before, _within) in GATES.items():
    _beside = _ROOTS if "root: {" in _before else _TOPS if "top:" in _before else ""
    # What comes of them is told by neither version: both are compared with each other.
    _examples = "".join(f"  - {{name: row {at}, in: {row}{_beside}, filtered: true}}\n" for at, row in enumerate(_ROWS))
    FILES[f"mappings/{_name}.yaml"] = (
        _HEAD.format(name=_name)
        + _before
        + _TARGET.format(table=_name.partition(".")[2].replace("measured", f"measured_{_name[:3]}"))
        + f"  {_within}\nexamples:\n{_examples}"
    )
