from __future__ import annotations

import ast
from pathlib import Path

import pytest

_FOLDER = Path(__file__).resolve().parents[3] / "compose" / "compare"
_MODULES = sorted(_FOLDER.glob("**/*.py"))


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.name)
def test_the_comparison_shares_no_code_with_the_service(path: Path) -> None:
    imported = _imported(path)
    assert not {name for name in imported if name.split(".")[0] in {"cdc", "transforms", "importlib"}}
    ours = {name for name in imported if name.split(".")[0] == "compose"}
    assert all(name.startswith("compose.compare") or name == "compose.local.env" for name in ours)


def test_the_comparison_has_modules() -> None:
    assert len(_MODULES) >= 8
