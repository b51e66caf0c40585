"""A source of two tables, and a dictionary of one mapping: what a command needs to have something to tell of."""

from __future__ import annotations

SOURCE = """\
kind: postgresql
host: 127.0.0.1
port: 9
database: src
user: nobody
password: ${env:TARGET_PASSWORD}
state: stopped
tables: [public.item, public.pair]
"""
FILES = {
    "dictionary.yaml": 'dictionary: small\nversion: "1"\nstatus: draft\nextends: med-device-core\n'
    "without: [mappings, folds]\n",
    "sources/src.yaml": "source: src\nlabel: {zh: s, en: s}\ntime_zone: UTC\nnull_tokens: []\n",
    "mappings/src.item.yaml": """mapping: src.item
version: "1"
source: {table: src.item, columns: {id: integer, name: text}}
target:
  table: trace.thing
  key: [material_id]
  columns: {material_id: "CONCAT('T-', id)", remark: name}
examples:
  - {name: one, in: {id: 1, name: a}, out: {material_id: T-1, remark: a}}
""",
}
