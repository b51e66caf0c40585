"""The packaged dictionary: every example comes out as it says, every code has one, every definition is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp

from transforms import refusal
from transforms.expression.rules import FUNCTION_NAMES
from transforms.load import load
from transforms.outcome import run_example
from transforms.review.dependency import origins
from transforms.review.trial import Trial, try_examples
from transforms.value.kind import DECLARED, accepts
from transforms.vocabulary.field_type import CHECKS, KINDS

DICTIONARY = load()
MAPPINGS = {mapping.name: mapping for mapping in DICTIONARY.mappings}
EXAMPLES = [(mapping, example) for mapping in DICTIONARY.mappings for example in mapping.examples]
COMPOSE = Path(__file__).parents[3] / "compose"
CONTRACTS = Path(__file__).parents[3] / "connector-configs/contracts"
DERIVATION = {"REF-301", "KEY-201", "DEL-101", "STL-101"}  # held with these by derivation, not by a mapping


@pytest.mark.parametrize(("mapping", "example"), EXAMPLES, ids=[f"{m.name}: {e.name}" for m, e in EXAMPLES])
def test_example_comes_out_as_it_says(mapping, example):
    assert run_example(mapping, example) == ()


@pytest.mark.parametrize("mapping", DICTIONARY.mappings, ids=MAPPINGS)
def test_mapping_has_examples_for_a_row_and_for_every_code(mapping):
    assert any(example.expected for example in mapping.examples)
    assert {example.code for example in mapping.examples} - {None} == mapping.codes


def test_no_example_is_missing():
    assert try_examples() == Trial(DICTIONARY.examples, (), ())


def test_every_key_that_an_update_of_the_source_row_can_change_is_shown_to_change():
    """What is made of the source row's own key cannot: that change is a delete and another row."""
    shown = {(m.name, str(m.targets[place])) for m, e in EXAMPLES for place in _changed_keys(e)}
    made = {(o.mapping, o.table, o.column): o.uses for o in origins(DICTIONARY)}
    for mapping in DICTIONARY.mappings:
        contract = CONTRACTS / mapping.source.schema / f"{mapping.source.table}.yaml"
        fixed = {("", name) for name in yaml.safe_load(contract.read_text())["key"]}
        for target in mapping.targets:
            uses = {used for name in target.key for used in made[mapping.name, str(target), name]}
            if not target.explodes and not {used for used in uses if used[0] == ""} <= fixed:
                assert (mapping.name, str(target)) in shown


def _changed_keys(example):
    """Yield the places of the targets in which a change has a row of one key take the place of one of another key."""
    for later in example.then:
        yield from (place for place, rows in enumerate(later.expected or ()) if rows and later.gone[place])


def test_canonical_tables_are_those_of_the_demo():
    targets = [target for mapping in DICTIONARY.mappings for target in mapping.targets]
    tables = {target.table: (target.key, target.on_delete) for target in targets}
    assert tables == {
        "material": (("material_id",), "tombstone"),
        "material_unit_conversion": (("material_id", "from_uom", "valid_from"), "tombstone"),
        "party": (("party_id",), "delete"),
        "stock_movement": (("movement_id",), "tombstone"),
        "shipment": (("shipment_id",), "tombstone"),
        "job_order": (("job_order_id",), "delete"),
        "material_lot": (("material_id", "lot_number"), "tombstone"),
        "serial_unit": (("serial_number",), "tombstone"),
        "job_response": (("job_response_id",), "delete"),
        "material_actual": (("material_actual_id",), "tombstone"),
        "test_result": (("test_result_id",), "tombstone"),
        "test_measurement": (("test_result_id", "line_no", "sequence"), "tombstone"),
        "nonconformance": (("nonconformance_id",), "tombstone"),
        "udi_label": (("udi_label_id",), "tombstone"),
        "adverse_event": (("event_id",), "tombstone"),
    }
    assert len(DICTIONARY.domains()) == 1


def test_all_references_are_required_and_lead_to_keys():
    targets = [target for mapping in DICTIONARY.mappings for target in mapping.targets if not target.contributes]
    tables = {str(target): target for target in (*targets, *(fold.target for fold in DICTIONARY.folds))}
    references = [reference for target in tables.values() for reference in target.references]
    assert len(references) == 21
    for reference in references:
        assert reference.required
        assert reference.target_columns == tables[f"{reference.schema}.{reference.table}"].key


def test_folds_hear_more_than_one_list():
    said = {str(fold): set() for fold in DICTIONARY.folds}
    for mapping in DICTIONARY.mappings:
        for target in mapping.targets:
            if target.contributes:
                said[str(target)].add(mapping.name)
    assert said == {
        "trace.material": {"erp.t_ICItem", "mes.mes_item"},
        "trace.material_lot": {"mes.mes_lot", "erp.ICStockBillEntry"},
        "trace.party": {"erp.t_Organization", "erp.t_Supplier"},
    }


def test_every_field_code_set_and_unit_is_used():
    text = DICTIONARY.content
    targets = [target for mapping in DICTIONARY.mappings for target in mapping.targets]
    columns = {column.name for target in targets for column in target.columns}
    for name in DICTIONARY.fields:
        assert name in columns or f'"field":"{name}"' in text, name
    assert {field.code_set for field in DICTIONARY.fields.values()} - {None} == set(DICTIONARY.codesets)
    aliased = {code for source in DICTIONARY.sources.values() for code in source.unit_aliases.values()}
    assert aliased == set(DICTIONARY.units)


def test_every_code_is_catalogued_and_raised():
    by_rows = {code for mapping in DICTIONARY.mappings for code in mapping.codes} | DERIVATION
    catalogued = {code for code, entry in DICTIONARY.errors.items() if entry.kind == "row"}
    # No column of the demo is in the wrong character set; a dictionary on top of this one may well need it.
    assert catalogued == by_rows | {refusal.ENCODING}
    named = {value for name, value in vars(refusal).items() if name.isupper()}
    assert named <= DICTIONARY.errors.keys()
    warnings = {code for code, entry in DICTIONARY.errors.items() if entry.kind == "warning"}
    assert all(code in named or f'"error":"{code}"' in DICTIONARY.content for code in warnings)
    for entry in DICTIONARY.errors.values():
        assert all((entry.cause, entry.action, entry.owner))
        assert re.search("[一-鿿]", entry.label.zh)
        assert re.match("[A-Z]", entry.label.en)
        # YAML takes what follows a blank and # as a comment: a text without quotes ends there.
        assert (entry.cause[-1], entry.action[-1]) == (".", "."), entry.code
    for field in DICTIONARY.fields.values():
        assert field.definition.endswith("."), field.name


def test_every_fault_of_the_loader_is_catalogued():
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(load.__code__.co_filename).parent.rglob("*.py"))
    raised = set(re.findall(r'"(DIC-\d+)"', sources))
    assert raised == {code for code, entry in DICTIONARY.errors.items() if entry.kind == "fatal"}


def schema_types(system: str, dialect: str) -> dict[tuple[str, str], str]:
    """Return (table, column) to the source's type name, from the legacy application's own DDL."""
    text = (COMPOSE / system / "schema.sql").read_text(encoding="utf-8")
    tables = (statement for statement in sqlglot.parse(text, dialect=dialect) if isinstance(statement, exp.Create))
    return {
        (table.this.this.name, column.name): column.kind.sql(dialect).lower()
        for table in tables
        if isinstance(table.this, exp.Schema)
        for column in table.this.find_all(exp.ColumnDef)
    }


# What the mirrors of these types are; cdc.capture.types is not asked, transforms stands without it.
MIRRORED = {
    "erp": {
        "int": "integer",
        "tinyint": "smallint",
        "smallint": "smallint",
        "decimal": "numeric(28,10)",
        "char": "character varying(40)",
        "varchar": "character varying(255)",
        "date": "date",
        "datetime": "timestamp(0) without time zone",
    },
    "mes": {
        "bigint": "bigint",
        "int": "integer",
        "smallint": "smallint",
        "decimal": "numeric(18,6)",
        "varchar": "character varying(40)",
        "text": "text",
        "char": "character(20)",
        "date": "date",
        "timestamptz": "timestamp with time zone",
        "timestamp": "timestamp without time zone",
        "boolean": "boolean",
    },
}


@pytest.mark.parametrize("mapping", DICTIONARY.mappings, ids=MAPPINGS)
def test_columns_are_those_of_the_legacy_schema(mapping):
    system = mapping.source.schema
    types = schema_types(system, "mysql" if system == "erp" else "postgres")
    mirrors = {"": mapping.source} | {lookup.alias: lookup.mirror for lookup in mapping.lookups}
    read = [(mirrors[used.alias].table, used.column, used.declared) for used in mapping.inputs if used.column]
    read += [(lookup.mirror.table, match.column, "") for lookup in mapping.lookups for match in lookup.match]
    assert read
    for table, column, declared in read:
        kind = types[table, column].split("(")[0]
        assert not declared or accepts(declared, MIRRORED[system][kind]), (table, column, declared, kind)


def test_same_rows_give_the_same_values_again():
    again = {mapping.name: mapping for mapping in load().mappings}
    for mapping, example in EXAMPLES:
        if example.expected is not None:
            first, second = mapping.normalise(example.row), again[mapping.name].normalise(example.row)
            assert list(map(repr, first)) == list(map(repr, second))


def test_readme_lists_every_function_and_type():
    readme = (Path(load.__code__.co_filename).parent / "README.md").read_text(encoding="utf-8")
    for name in (*FUNCTION_NAMES, *KINDS, *DECLARED, *CHECKS):
        assert re.search(rf"\b{name}\b", readme), name
