"""The expression language: SQL scalar expressions, compiled once to Python source by allow-list.

compiler.py     text to tree to term; what is not listed is refused
builder.py      one node after the other, with places
rules.py        the list: node classes, the arguments they may carry, how each is compiled
logic.py        comparison, AND/OR/NOT, CASE, COALESCE: three-valued
arithmetic.py   exact numbers, dates and days
characters.py   texts and LIKE
cast.py         CAST between the types that fields have
functions.py    CLEAN, DATE_OF, AT_ZONE, TO_UNIT, GTIN, UDI_...
device_label.py parts of a device's label
term.py         what a node is compiled to
code.py         Python source, and what its names stand for
"""

from transforms.expression.builder import Scope, fault_at
from transforms.expression.compiler import compile_expression
from transforms.expression.term import Term

__all__ = ["Scope", "Term", "compile_expression", "fault_at"]
