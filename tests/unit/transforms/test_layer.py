"""A folder over the packaged dictionary: whole entries by name, and faults that say whose file it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from transforms.errors import DictionaryError
from transforms.load import PACKAGED, load, load_content, read, read_layers

HEADER = 'dictionary: plant\nversion: "1"\nstatus: draft\nextends: med-device-core\n'
MATERIAL = "  material_id: {label: {zh: 料, en: Part}, definition: d, type: string(40), owner: plant, example: P1}\n"
CODE = "{kind: row, label: {zh: z, en: t}, cause: c, action: a, owner: o}"


class Layer:
    """A folder that extends the packaged dictionary."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.write("dictionary.yaml", HEADER)

    def write(self, file: str, text: str) -> Layer:
        path = self.root / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def faults(self) -> list[str]:
        with pytest.raises(DictionaryError) as caught:
            load(self.root)
        return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    return Layer(tmp_path / "plant")


def test_a_layer_without_entries_is_the_lower_dictionary(layer):
    dictionary, packaged = load(layer.root), load()
    assert (dictionary.name, dictionary.version) == ("plant", "1")
    for kind in ("fields", "codesets", "units", "sources", "errors"):
        assert getattr(dictionary, kind) == getattr(packaged, kind)
    assert [mapping.name for mapping in dictionary.mappings] == [mapping.name for mapping in packaged.mappings]
    assert dictionary.digest != packaged.digest  # it has another name


def test_a_folder_that_does_not_extend_stands_alone(layer):
    layer.write("dictionary.yaml", HEADER.replace("extends: med-device-core\n", ""))
    assert (load(layer.root).fields, load(layer.root).mappings) == ({}, ())


def test_a_field_of_the_same_name_takes_the_place_of_the_whole_definition(layer):
    layer.write("fields-plant.yaml", "fields:\n" + MATERIAL)
    field = load(layer.root).fields["material_id"]
    assert (field.label.en, field.standard_refs) == ("Part", ())  # nothing of the lower one is left
    assert load(layer.root).fields["material_name"] == load().fields["material_name"]


def test_without_a_mapping_the_lower_examples_of_its_fold_are_left_out_too(layer):
    layer.write("dictionary.yaml", HEADER + "without: [mappings/mes.mes_item]\n")
    dictionary = load(layer.root)
    examples = {str(fold): fold.examples for fold in dictionary.folds}
    assert {said.mapping for one in examples["trace.material"] for said in one.said} == {"erp.t_ICItem"}
    assert load_content(dictionary.content).examples == dictionary.examples


def test_an_own_fold_cannot_have_them(layer):
    layer.write("dictionary.yaml", HEADER + "without: [mappings/mes.mes_item]\n")
    layer.write("folds/trace.material.yaml", (PACKAGED / "folds/trace.material.yaml").read_text(encoding="utf-8"))
    assert all("DIC-111 no mapping `mes.mes_item` contributes" in fault for fault in layer.faults())


def test_a_code_set_is_taken_whole(layer):
    text = (PACKAGED / "codesets" / "country.yaml").read_text(encoding="utf-8")
    layer.write("codesets/country.yaml", text.replace('version: "1"', 'version: "1-plant"'))
    assert load(layer.root).codesets["country"].version == "1-plant"
    assert load(layer.root).codesets["lot_status"] == load().codesets["lot_status"]


def test_units_words_and_codes_come_one_by_one(layer):
    layer.write(
        "units.yaml",
        'units:\n  TNE: {label: {zh: 吨, en: tonne}, ucum: t, dimension: mass, factor: "1000"}\n'
        "aliases:\n  mes: {吨: TNE, 升: MLT}\n",
    )
    layer.write("errors.yaml", f"LOT-101: {CODE}\nPLT-101: {CODE}\n")
    dictionary, packaged = load(layer.root), load()
    assert dictionary.units.keys() == packaged.units.keys() | {"TNE"}
    assert dictionary.sources["mes"].unit_aliases == {**packaged.sources["mes"].unit_aliases, "吨": "TNE", "升": "MLT"}
    assert dictionary.sources["erp"].unit_aliases == packaged.sources["erp"].unit_aliases
    assert dictionary.errors.keys() == packaged.errors.keys() | {"PLT-101"}
    assert dictionary.errors["LOT-101"].label.en == "t"


def test_a_source_and_a_mapping_of_its_own_stand_beside_the_others(layer):
    layer.write("dictionary.yaml", HEADER + "without: [mappings, folds]\n")
    layer.write("sources/plm.yaml", "source: plm\nlabel: {zh: p, en: p}\ntime_zone: UTC\nnull_tokens: []\n")
    layer.write(
        "mappings/plm.part.yaml",
        'mapping: plm.part\nversion: "1"\nsource: {table: plm.part, columns: {no: text}}\n'
        "target:\n  table: trace.material\n  key: [material_id]\n  on_delete: delete\n"
        "  columns: {material_id: CLEAN(no)}\n"
        "examples:\n  - {name: a, in: {no: P1}, out: {material_id: P1}}\n",
    )
    assert [mapping.name for mapping in load(layer.root).mappings] == ["plm.part"]


@pytest.mark.parametrize("without", ["mappings/erp.SEOrderEntry", "aliases/mes/盒", "errors/DIC-151"])
def test_an_entry_that_is_left_out_is_gone(layer, without):
    layer.write("dictionary.yaml", HEADER + f"without: [{without}]\n")
    entries, left_out = read_layers(layer.root)
    assert [entry.key for entry in left_out] == [without]
    assert without not in {layered.entry.key for layered in entries}
    assert len(entries) == len(read_layers()[0]) - 1
    if without == "mappings/erp.SEOrderEntry":
        assert "erp.SEOrderEntry" not in {mapping.name for mapping in load(layer.root).mappings}


def test_what_is_left_out_and_still_used_is_a_fault_of_the_file_that_uses_it(layer):
    layer.write("dictionary.yaml", HEADER + "without: [fields/lot_number]\n")
    assert any(
        fault.startswith("med-device-core/mappings/mes.mes_lot.yaml:") and "unknown field `lot_number`" in fault
        for fault in layer.faults()
    )


def test_a_fault_of_the_layer_has_its_own_path(layer):
    layer.write("fields.yaml", "fields:\n" + MATERIAL.replace("owner", "ownr"))
    assert all(fault.startswith("fields.yaml:2:") for fault in layer.faults())


def test_an_example_of_the_lower_layer_that_no_longer_holds_is_named(layer):
    text = (PACKAGED / "codesets" / "lot_status.yaml").read_text(encoding="utf-8")
    layer.write("codesets/lot_status.yaml", text.replace('code: "OK", to: RELEASED', 'code: "OK", to: BLOCKED'))
    (fault,) = layer.faults()
    assert fault.startswith("med-device-core/mappings/mes.mes_lot.yaml:")
    assert "status is 'BLOCKED', expected 'RELEASED'" in fault


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("med-device-core", "med-device-cor", "4:10 DIC-111 no dictionary `med-device-cor` to extend; did you mean"),
        ("dictionary: plant", "dictionary: med-device-core", "4:10 DIC-112 a dictionary that extends another one has"),
        ("extends: med-device-core", "without: [fields]", "4:10 DIC-105 `without` leaves out entries of what"),
        ("med-device-core", "med-device-core\nwithout: [field]", "5:11 DIC-111 `med-device-core` has no entry `field`"),
        ("med-device-core", "med-device-core\nwithout: fields", "5:10 DIC-105 `without` must be a list"),
        ("med-device-core", "med-device-core\nwithout: [[fields]]", "5:11 DIC-105 `without` must be a text"),
        ("med-device-core", "[a]", "4:10 DIC-105 `extends` must be a text"),
    ],
)
def test_layers_that_do_not_fit_are_a_fault(layer, old, new, told):
    layer.write("dictionary.yaml", HEADER.replace(old, new))
    assert any(fault.startswith(f"dictionary.yaml:{told}") for fault in layer.faults()), layer.faults()
    with pytest.raises(DictionaryError):
        read_layers(layer.root)


def test_the_digest_is_over_what_counts_in_the_end(layer):
    before = load(layer.root).digest
    layer.write("fields.yaml", "# a comment\nfields: {}\n")
    assert load(layer.root).digest == before
    layer.write("fields.yaml", "fields:\n" + MATERIAL)
    over = load(layer.root).digest
    assert over != before
    layer.write("fields.yaml", "fields:\n" + MATERIAL.replace("Part", "Item"))
    assert load(layer.root).digest not in (over, before)


def test_every_entry_says_where_it_comes_from(layer):
    layer.write("fields.yaml", "fields:\n" + MATERIAL + MATERIAL.replace("material_id", "part_note"))
    found = {layered.entry.key: layered for layered in read_layers(layer.root)[0]}
    mine, new, theirs = found["fields/material_id"], found["fields/part_note"], found["fields/material_name"]
    assert (mine.layer, mine.overrides, str(mine.entry.place)) == ("plant", "med-device-core", "fields.yaml:2:3")
    assert (new.layer, new.overrides) == ("plant", None)
    assert (theirs.layer, theirs.overrides) == ("med-device-core", None)
    assert theirs.entry.place.file == "med-device-core/fields.yaml"
    assert len(found) == len(read_layers()[0]) + 1


def test_codes_that_a_folder_does_not_have_are_of_the_packaged_layer(folder):
    (folder.root / "errors.yaml").unlink()
    layers = {layered.entry.kind: layered.layer for layered in read_layers(folder.root)[0]}
    assert layers["errors"] == "med-device-core"
    assert {layers[kind] for kind in layers if kind != "errors"} == {"small"}


def test_half_an_entry_is_told_where_it_stands_and_not_by_what_comes_of_it(tmp_path):
    (tmp_path / "dictionary.yaml").write_text(
        'dictionary: plant\nversion: "1"\nstatus: draft\nextends: med-device-core\n', encoding="utf-8"
    )
    (tmp_path / "codesets").mkdir()
    (tmp_path / "codesets" / "lot_status.yaml").write_text(
        'code_set: lot_status\nversion: "2"\nsynonyms: [{system: mes, code: OKAY, to: RELEASED}]\n', encoding="utf-8"
    )
    _, faults = read(tmp_path)
    own = [fault for fault in faults if fault.place.file == "codesets/lot_status.yaml"]
    assert {fault.message for fault in own} >= {f"key `{key}` is missing" for key in ("codes", "normalise", "unmapped")}
    assert not [str(fault) for fault in faults if "``" in fault.message or fault.code in ("DIC-141", "DIC-142")]
