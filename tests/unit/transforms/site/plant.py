"""A small dictionary in which everything occurs that the page has words for."""

from __future__ import annotations

FILES = {
    "codesets/state.yaml": """\
code_set: state
version: "3"
codes: {ON: {zh: 开, en: On, standard: ISO 1}, "NO": {zh: 否, en: No}, OLD: {zh: 旧, en: Old}}
normalise: [trim, nfkc, upper]
synonyms:
  - {system: erp, code: "1", to: ON, relationship: equivalent}
  - {system: erp, code: "9", to: "NO", valid_to: "2021-06-01"}
  - {system: erp, code: "9", to: ON, valid_from: "2021-06-01", note: re-used code}
  - {system: erp, code: " x ", to: "NO", depends_on: {kind: "2"}}
unmapped: COD-201
""",
    "units.yaml": """\
units:
  C62: {label: {zh: 个, en: one}, ucum: "{piece}", dimension: count, factor: "1"}
  XBX: {label: {zh: 盒, en: box}, ucum: "{box}", dimension: count}
  CEL: {label: {zh: 摄氏度, en: Celsius}, ucum: Cel, dimension: temperature, factor: "1"}
  FAH: {label: {zh: 华氏度, en: Fahrenheit}, ucum: "[degF]", dimension: temperature, factor: "5/9", offset: "-32"}
aliases:
  erp: {PCS: C62, 盒: XBX, °F: FAH}
""",
    "fields.yaml": """\
fields:
  part_id: {label: {zh: 零件, en: Part}, definition: What it is., type: string(9), owner: quality, example: P1}
  state: {label: {zh: 状态, en: State}, definition: How it is., type: code, code_set: state, owner: quality,
          example: ON, tolerate: {COD-201: "NO"}}
  heat: {label: {zh: 温度, en: Heat}, definition: How hot., type: "decimal(9,2)", unit: CEL, rounding: half_even,
         owner: lab, example: "1.00", sensitivity: confidential, standard_refs: [ISO 2]}
  lot: {label: {zh: 批号, en: Lot}, definition: Which lot., type: string(9), owner: quality, example: L1,
        check: [gs1_cset82], on_error: {gs1_cset82: LOT-W01, default: LOT-101}}
  seq: {label: {zh: 序号, en: Number}, definition: Which one., type: integer, owner: lab, example: "1"}
  reading: {label: {zh: 读数, en: Reading}, definition: What was read., type: string(9), owner: lab, example: "1"}
  made: {label: {zh: 生产日期, en: Made}, definition: When it was made., type: date, owner: lab,
         example: "2026-01-31", null_tokens: ["9999-12-31", "1900-01-01"],
         tolerate: {DAT-101: null}}
""",
    "sources/mes.yaml": "source: mes\nlabel: {zh: 车间, en: Shop floor}\ntime_zone: UTC\nnull_tokens: []\n",
    "folds/trace.part.yaml": """\
fold: trace.part
key: [part_id]
order: datetime
columns: {state: {take: owner erp, required: true}, lot: first, made: last, seq: max}
examples:
  - name: both
    contributions:
      - {mapping: mes.unit, source_key: "7", says: {seq: 1, order: "2026-01-31T00:00:00Z"}, deleted: true}
      - {mapping: erp.parts, source_key: [P1, "1"], says: {state: ON, lot: L1, order: "2026-01-30T16:00:00Z"}}
      - {mapping: erp.parts, source_key: P2, says: {lot: L2, order: "2026-01-31T00:00:00Z"}}
    out: {state: ON, lot: L1}
    conflicts: [{column: lot, mapping: erp.parts, source_key: P2, value: L2}]
  - name: a tombstone
    contributions: [{mapping: erp.parts, source_key: P1, says: {state: ON}, deleted: true}]
    out: {state: ON}
    marked: true
  - {name: no state, contributions: [{mapping: mes.unit, source_key: "7", says: {seq: 1}}], refused: REQ-101}
""",
    "mappings/erp.parts.yaml": """\
mapping: erp.parts
version: "2"
source:
  table: erp.parts
  columns: {no: text, state: text, kind: integer, heat: decimal, sense: integer, lot: text, made: timestamp, R1: text,
            R2: text, vals: text, gone: integer, head: integer}
lookups:
  top: {table: erp.tops, match: top.id = head, missing: REF-301, columns: {id: integer, name: text, at: timestamp}}
  price: {table: erp.prices, match: price.name = top.name, columns: {name: text, start: timestamp, stop: timestamp},
          valid: {at: made, from: start, to: stop}}
let: {clean: "CLEAN(no)", named: "COALESCE(clean, top.name)"}
where: gone = 0
targets:
  - table: trace.part
    key: [part_id]
    order: AT_ZONE(made, 'Asia/Shanghai')
    columns: {part_id: named, state: {expr: state, at: made}, lot: lot, made: DATE_OF(made)}
  - table: trace.result
    history: trace.result_history
    key: [part_id, seq]
    on_delete: delete
    when: kind = 2
    explode: {from: [{seq: 1, value: R1}, {seq: 2, value: R2}], skip: value IS NULL}
    columns: {part_id: named, seq: seq, reading: {expr: value, required: true}}
    references: [{columns: [part_id], to: trace.part}]
    checks: [{rule: reading <> 'X', error: QC-101}, {rule: reading <> 'Y', error: LOT-W01}]
  - table: trace.piece
    key: [part_id, seq]
    explode: {split: vals, by: "|", as: piece, seq: place}
    columns: {part_id: named, seq: place, reading: piece, heat: {expr: "TO_UNIT(heat, '°F', 'CEL')", sign: sense}}
examples:
  - name: good
    in: {no: " P1 ", state: "1", kind: 2, heat: "212", sense: -1, lot: L1, made: "2026-01-31T00:00:00", R1: a,
         vals: "u|v", gone: 0, head: 7}
    lookups: {top: {id: 7, name: T, at: "2026-01-01T00:00:00"}}
    out:
      trace.part: [{part_id: P1, state: ON, lot: L1, made: "2026-01-31", order: "2026-01-31T00:00:00+08:00"}]
      trace.result: [{part_id: P1, seq: 1, reading: a}]
      trace.piece:
        - {part_id: P1, seq: 1, reading: u, heat: "-100.00"}
        - {part_id: P1, seq: 2, reading: v, heat: "-100.00"}
    then:
      - in: {vals: u}
        out:
          trace.part: [{part_id: P1, state: ON, lot: L1, made: "2026-01-31", order: "2026-01-31T00:00:00+08:00"}]
          trace.result: [{part_id: P1, seq: 1, reading: a}]
          trace.piece: [{part_id: P1, seq: 1, reading: u, heat: "-100.00"}]
        gone: {trace.piece: [{part_id: P1, seq: 2}]}
      - delete: true
        marked: {trace.part: [{part_id: P1}], trace.piece: [{part_id: P1, seq: 1}]}
        gone: {trace.result: [{part_id: P1, seq: 1}]}
      - lookups: {top: several}
        refused: REF-302
        gone: {trace.part: [{part_id: P1}], trace.piece: [{part_id: P1, seq: 1}]}
  - {name: no top, like: good, lookups: {top: missing}, refused: REF-301}
  - {name: two tops, like: good, lookups: {top: several}, refused: REF-302}
  - {name: gone, like: good, in: {gone: 1}, filtered: true}
""",
    "mappings/mes.unit.yaml": """\
mapping: mes.unit
version: "1"
source: {table: mes.unit, columns: {no: text, n: integer, t: timestamptz}}
target: {table: trace.part, key: [part_id], order: t, columns: {part_id: no, seq: n}}
examples:
  - name: one
    in: {no: P1, n: 1, t: "2026-01-31T00:00:00Z"}
    out: {part_id: P1, seq: 1, order: "2026-01-31T00:00:00Z"}
""",
}
WARNING = "LOT-W01: {kind: warning, label: {zh: 提示, en: Look}, cause: c., action: a., owner: quality}\n"
