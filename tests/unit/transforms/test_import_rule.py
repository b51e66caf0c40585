"""transforms is pure: it imports neither the service nor a driver, and reads no clock, environment or randomness."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import transforms

ROOT = Path(transforms.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
ALLOWED = {
    *("__future__", "collections", "contextlib", "dataclasses", "datetime", "decimal", "difflib", "enum", "fnmatch"),
    *("fractions", "functools", "hashlib", "json", "math", "operator", "pathlib", "re", "typing", "unicodedata"),
    *("uuid", "zoneinfo", "importlib"),  # importlib: the rules of zones, which are a package's data
    *(
        "base64",
        "calendar",
        "hmac",
        "contextlib",
        "itertools",
        "urllib",
        "biip",
        "re2",
        "sqlglot",
        "yaml",
        "transforms",
    ),
    *("jinja2", "markupsafe"),  # the stewards' page: templates in, text out
}
CLOCKS = {"now", "today", "utcnow", "time", "localtime", "getenv", "environ", "urandom", "random"}


@pytest.mark.parametrize("path", MODULES, ids=[path.relative_to(ROOT).as_posix() for path in MODULES])
def test_module_imports_only_what_is_pure(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= ALLOWED


@pytest.mark.parametrize("path", MODULES, ids=[path.relative_to(ROOT).as_posix() for path in MODULES])
def test_module_calls_no_clock_and_no_environment(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & CLOCKS


def test_loading_and_using_the_dictionary_pulls_in_no_driver():
    program = (
        "import sys; from transforms.load import load; d = load();"
        "[m.normalise(e.row) for m in d.mappings for e in m.examples if e.expected];"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'cdc', 'kafka', 'psycopg', 'pymysql'}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert run.stdout.strip() == "[]"
