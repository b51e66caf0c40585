"""Python source that an expression is compiled to, and the objects that its names stand for.

No text of a dictionary ever stands in the source: literals, patterns, tables are bound to names, so that nothing that a
file says can become a statement. The source is put together from the templates of this package alone, in which

    {0} {1} ...    stand for the parts, and for objects, which are bound
    {t} {u} {v}    for local names of this place alone

Expressions see `row`, the values of a row, and `memo`, what was worked out for this row before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from transforms.errors import Refused

# All that the source can name beside what is bound to it.
NAMES: Final[Mapping[str, object]] = {
    "__builtins__": {},
    **{known.__name__: known for known in (type, len, str, int, bool, tuple)},
    **{known.__name__: known for known in (ArithmeticError, Decimal, UUID, date, datetime)},
}

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression in parentheses, and what its names stand for."""

    text: str
    names: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inline:
    """A function by its template: `Inline("{0}.strip({1})", BLANKS)`; the parts come first, then what is bound."""

    template: str
    bound: tuple[object, ...]

    def __init__(self, template: str, *bound: object) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "bound", bound)

    def __call__(self, *parts: object) -> Any:
        """Return its value, as a function has one."""
        return evaluate(write(self.template, *parts, *self.bound))


Function = Callable[..., Any]
"""A Python function; an `Inline` is written where it is called."""
Memo = dict[object, Any]
"""What was worked out for a row."""
Expression = Callable[[Sequence[Any], Memo], Any]
"""A compiled expression."""


def bind(value: object) -> Code:
    """Return a name for an object."""
    name = f"_{next(_numbers)}"
    return Code(name, {name: value})


def fresh() -> Code:
    """Return a local name that nothing else has."""
    return Code(f"t{next(_numbers)}")


def write(template: str, *parts: object) -> Code:
    """Return the template with its parts; what is no `Code` is bound."""
    texts, names = _bound(parts)
    local = {letter: f"{letter}{next(_numbers)}" for letter in "tuv"}
    return Code(f"({template.format(*texts, **local)})", names)


def _bound(parts: Sequence[object]) -> tuple[list[str], dict[str, object]]:
    """Return the texts of the parts, and all that their names stand for; what is no `Code` is bound."""
    codes = [part if isinstance(part, Code) else bind(part) for part in parts]
    names: dict[str, object] = {}
    for code in codes:
        names |= code.names
    return [code.text for code in codes], names


def call(function: Function, *parts: Code) -> Code:
    """Return `function(*parts)`."""
    if isinstance(function, Inline):
        return write(function.template, *parts, *function.bound)
    places = ", ".join(f"{{{place}}}" for place in range(1, len(parts) + 1))
    return write(f"{{0}}({places})", function, *parts)


def evaluate(code: Code) -> Any:
    """Return the value of a code that sees no row."""
    return eval(code.text, {**NAMES, **code.names})  # noqa: S307 - our own templates, see above


class Body:
    """The lines of a function, and what their names stand for."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names: dict[str, object] = {"Refused": Refused}
        self._depth = 1

    def add(self, template: str, *parts: object) -> None:
        """Add a line; what is no `Code` is bound."""
        texts, names = _bound(parts)
        self._names |= names
        self._lines.append("    " * self._depth + template.format(*texts))

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Add lines that belong to the last one."""
        self._depth += 1
        yield
        self._depth -= 1

    def define(self, name: str, parameters: str) -> Callable[..., Any]:
        """Return the function."""
        found: dict[str, Any] = {**NAMES, **self._names}
        source = "\n".join((f"def function({parameters}):", *self._lines, ""))
        exec(compile(source, f"<{name}>", "exec"), found)  # noqa: S102 - our own templates, see above
        made: Callable[..., Any] = found["function"]
        return made


def function_of(code: Code) -> Expression:
    """Return the function from a row's values, and what is remembered of them, to the value of an expression."""
    body = Body()
    body.add("return {0}", code)
    return body.define("expression", "row, memo")
