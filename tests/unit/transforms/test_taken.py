"""Names of canonical tables that PostgreSQL or the service has already: refused at load, where they are written."""

from __future__ import annotations

import pytest

from tests.unit.transforms.test_load import faults_of

MAPPING = "mappings/erp.parts.yaml"
SYSTEM, SERVICE, SOURCE = "PostgreSQL keeps it", "the service keeps", "the rows of source `erp` stand there"
SCHEMAS = [
    *((schema, SYSTEM) for schema in ("pg_catalog", "pg_temp", "pg_x", "information_schema")),
    *((schema, SERVICE) for schema in ("cdc", "cdc_shadow", "trace_held", "trace_contribution", "trace_held_shadow")),
    ("trace_leaving", SERVICE),
    *((schema, SOURCE) for schema in ("erp", "erp_deleted", "erp_change")),
]
FOLD = "fold: trace.part\nkey: [part_id]\ncolumns: {state: max}\n"


@pytest.mark.parametrize(("schema", "told"), SCHEMAS)
def test_a_schema_that_somebody_else_has_is_refused(folder, schema, told):
    (fault,) = faults_of(folder.replace(MAPPING, "table: trace.part", f"table: {schema}.part"))
    assert fault.startswith(f"{MAPPING}:7:10 DIC-105 schema `{schema}` is not for canonical tables: {told}")


@pytest.mark.parametrize("schema", ["pg_x", "erp_deleted"])
def test_so_is_that_of_a_fold_and_of_a_history(folder, schema):
    folder.write(f"folds/{schema}.part.yaml", FOLD.replace("trace", schema))
    folder.replace(MAPPING, "  on_delete: delete\n", f"  on_delete: delete\n  history: {schema}.versions\n")
    places = [fault.split(" ")[:2] for fault in faults_of(folder) if f"schema `{schema}` is not for" in fault]
    assert places == [[f"folds/{schema}.part.yaml:1:7", "DIC-105"], [f"{MAPPING}:10:12", "DIC-105"]]


@pytest.mark.parametrize("schema", ["trace", "public", "pgtrace", "held", "traceheld", "erp_trace", "trace_change"])
def test_any_other_schema_is_free(folder, schema):
    assert folder.replace(MAPPING, "table: trace.part", f"table: {schema}.part").load().mappings


def test_columns_of_a_fold_are_not_what_is_noted_on_contributions(folder):
    folder.write("folds/trace.part.yaml", FOLD.replace("state: max", "order: {take: max, field: state}, ctid: max"))
    assert [fault.partition(";")[0] for fault in faults_of(folder) if "take another name" in fault] == [
        "folds/trace.part.yaml:3:11 DIC-105 `order` of an example is what the service notes as `_order`",
        "folds/trace.part.yaml:3:45 DIC-105 every table of PostgreSQL has a column `ctid` of its own",
    ]


@pytest.mark.parametrize("folded", [True, False])
def test_two_targets_of_one_mapping_have_two_tables(folder, folded):
    if folded:
        folder.write("folds/trace.part.yaml", FOLD)
    text = (folder.root / MAPPING).read_text(encoding="utf-8")
    head, _, rest = text.partition("target:\n")
    target, _, _ = rest.partition("examples:\n")
    one = "  - " + target.strip().replace("\n", "\n  ") + "\n"
    out = "out: {trace.part: [{part_id: P1, state: ON}]}"
    folder.write(MAPPING, f"{head}targets:\n{one}{one}examples:\n  - {{name: x, in: {{no: P1, state: 1}}, {out}}}\n")
    (fault,) = faults_of(folder)
    assert fault.startswith(f"{MAPPING}:13:12 DIC-112 `trace.part` is a target of this mapping already: ")
    assert "use `explode`" in fault


@pytest.mark.parametrize("history", ["trace.part", "trace.other", "trace.folded", "trace.versions", "trace.broken"])
def test_a_history_is_a_table_of_its_own(folder, history):
    text = (folder.root / MAPPING).read_text(encoding="utf-8").replace("  on_delete: delete\n", "")

    def write(name: str, table: str, versions: str = "") -> None:
        changed = text.replace("erp.parts", f"erp.{name}").replace("trace.part\n", f"trace.{table}\n")
        kept = f"  history: {versions}\n  columns:\n    part" if versions else "  columns:\n    part"
        folder.write(f"mappings/erp.{name}.yaml", changed.replace("  columns:\n    part", kept))

    write("others", "other", "trace.versions")
    write("parts", "part", history)
    write("thirds", "folded")
    folder.write("folds/trace.folded.yaml", FOLD.replace("trace.part", "trace.folded"))
    write("worse", "broken")
    if history == "trace.broken":  # a mapping of which nothing else is known
        folder.replace("mappings/erp.worse.yaml", "CLEAN(no)", "CLEEN(no)")
    (fault,) = (fault for fault in faults_of(folder) if "CLEEN" not in fault)
    assert fault.startswith(f"{MAPPING}:9:12 DIC-112 `{history}` is filled otherwise already: name a table")
