"""What expressions are compiled to: Python source of our own templates, however long or deep the expression is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.transforms.conftest import Expressions
from transforms.expression.builder import MAX_DEPTH
from transforms.expression.code import Body, Inline, bind, call, evaluate, write
from transforms.expression.compiler import MAX_CHARACTERS

HOSTILE = '\'"""); raise SystemExit #\t\\'


def _repeated(begin: str, part: str, end: str) -> str:
    return begin + part * ((MAX_CHARACTERS - len(begin) - len(end)) // len(part)) + end


LONG = [
    (_repeated("b1", " AND b1", ""), True),
    (_repeated("NOT b1", " OR NOT b1", ""), False),
    (_repeated("CASE", " WHEN i1=2 THEN 2", " ELSE 1 END"), 1),
    (_repeated("CASE i1", " WHEN 2 THEN 2", " ELSE 1 END"), 1),
    (_repeated("COALESCE(", "NULL,", "i1)"), 1),
    (_repeated("CONCAT(", "i1,", "i1)"), "1" * 664),
    (_repeated("i1 IN (", "2,", "i1)"), True),
]
DEEP: list[tuple[Callable[[str], str], object]] = [
    (lambda inner: f"COALESCE({inner}, i1)", 1),
    (lambda inner: f"CASE WHEN i1=1 THEN {inner} END", 1),
    (lambda inner: f"CASE {inner} WHEN 1 THEN 1 END", 1),
    (lambda inner: f"NULLIF({inner}, 2)", 1),
    (lambda inner: f"ABS({inner})", 1),
    (lambda inner: f"{inner} * i1", 1),
    (lambda inner: f"CASE WHEN {inner} BETWEEN 1 AND 1 THEN i1 END", 1),
    (lambda inner: f"CASE WHEN {inner} IN (i1, 3) THEN i1 END", 1),
    (lambda inner: f"CASE WHEN {inner} IS NOT NULL AND b1 OR b1 THEN i1 END", 1),
]


@pytest.mark.parametrize(("text", "value"), LONG, ids=[text[:20] for text, _ in LONG])
def test_longest(expressions: Expressions, text, value):
    assert len(text) > MAX_CHARACTERS - 40
    assert expressions.value(text, b1=True, i1=1) == value


@pytest.mark.parametrize(("wrap", "value"), DEEP, ids=[wrap("x") for wrap, _ in DEEP])
def test_deepest(expressions: Expressions, wrap, value):
    text, faults = "i1", []
    while len(longer := wrap(text)) <= MAX_CHARACTERS and not faults:
        if not (faults := expressions.compile(longer)[1]):
            text = longer
    # It is the language that sets the limit, not Python.
    assert all(f"nested deeper than {MAX_DEPTH}" in fault.message for fault in faults)
    assert faults or len(longer) > MAX_CHARACTERS
    assert expressions.value(text, b1=True, i1=1) == value


def test_no_text_of_a_dictionary_stands_in_the_source(expressions: Expressions):
    quoted = HOSTILE.replace("'", "''")
    term, faults, _, _ = expressions.compile(f"CASE WHEN t1 = '{quoted}' THEN REPLACE('{quoted}', 'x', 'y') END")
    assert term, faults
    assert "SystemExit" not in term.code.text
    assert expressions.value(f"CONCAT(t1, '{quoted}')", t1=HOSTILE) == HOSTILE * 2


def test_source_sees_no_builtins():
    with pytest.raises(NameError, match="open"):
        evaluate(write("open({0})", "file"))


def test_parts_that_are_no_code_are_bound():
    code = call(Inline("{0} + {1}", 2), bind(1))
    assert evaluate(code) == 3
    assert "2" not in code.text.replace("_", " ").split()


def test_a_function_of_lines():
    body = Body()
    body.add("if row:")
    with body.indented():
        body.add("return {0}", "something")
    body.add("return None")
    function = body.define("lines", "row")
    assert (function(1), function(0)) == ("something", None)
