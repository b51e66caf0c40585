"""The patch by which mappings declare columns as they are now."""

from __future__ import annotations

from pathlib import Path

from transforms.load import PACKAGED
from transforms.review.redeclared import Redeclaration, patches

MAPPING = """\
mapping: erp.item
source:
  table: erp.item
  columns: {id: integer, size: integer, "名": 'text'}  # a remark
lookups:
  of:
    table: erp.unit
    match: of.id = size
    columns:
      id: integer
"""


def test_a_patch_alters_what_is_declared_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "mappings" / "erp.item.yaml"
    file.parent.mkdir()
    file.write_text(MAPPING)
    wanted = [
        ("", "id", "decimal"),
        ("", "名", "uuid"),
        ("of", "id", "decimal"),
        ("", "gone", "text"),
        ("", "size", "integer"),
    ]
    found = patches(tmp_path, [Redeclaration("erp.item", *one) for one in wanted])
    assert list(found) == ["mappings/erp.item.yaml"]
    lines = found["mappings/erp.item.yaml"].splitlines()
    assert [line for line in lines if line[0] in "+-"] == [
        "--- a/mappings/erp.item.yaml",
        "+++ b/mappings/erp.item.yaml",
        """-  columns: {id: integer, size: integer, "名": 'text'}  # a remark""",
        """+  columns: {id: decimal, size: integer, "名": 'uuid'}  # a remark""",
        "-      id: integer",
        "+      id: decimal",
    ]


def test_a_mapping_of_the_layer_below_is_patched_as_it_is_packaged(tmp_path: Path) -> None:
    name = sorted((PACKAGED / "mappings").glob("*.yaml"))[0].stem
    columns = (PACKAGED / "mappings" / f"{name}.yaml").read_text()
    assert "FItemID: integer" in columns
    (patch,) = patches(tmp_path, [Redeclaration(name, "", "FItemID", "decimal")]).values()
    assert "+    FItemID: decimal" in patch
    assert patches(tmp_path, [Redeclaration("nobody.has", "", "FItemID", "decimal")]) == {}
