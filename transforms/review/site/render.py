"""The page: templates filled in, styles and script in the file itself, every text escaped.

The browser is told (Content-Security-Policy) to run this one script and load nothing: a label that is a script stays a
text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from transforms.review.site.document import Document

_TEMPLATES = Path(__file__).parent / "templates"
_BLANKS = re.compile(r"^[ \u3000]+|[ \u3000]+$|[\x00-\x1f\x7f\u200b\ufeff\xa0]|(?<= ) +")

_WORDS = re.compile(r"(?<=[._/])(?=.)|(?<=[a-z])(?=[A-Z])")


def render(document: Document) -> str:
    """Return the page of a document as HTML."""
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("site.css", "site.js"))
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            document=document,
            style=Markup(style),  # noqa: S704 - our own files
            script=Markup(script),  # noqa: S704
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'",
        )
    )


@cache
def _environment() -> Environment:
    """Return where templates are compiled, once."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seen": seen, "breakable": breakable}
    return environment


def seen(text: str) -> Markup:
    """Return a value with what cannot be seen in it made visible: blanks around it, and characters without a shape."""
    done = Markup()
    end = 0
    for match in _BLANKS.finditer(text):
        done += escape(text[end : match.start()])
        done += Markup('<i class="blank">{}</i>').format("".join(map(_shape, match[0])))
        end = match.end()
    return done + escape(text[end:])


def breakable(text: str) -> Markup:
    """Return a name that may be broken between its words: `material_<wbr>lot`, `Stock<wbr>Bill`."""
    return Markup("<wbr>").join(_WORDS.split(text))


def _shape(character: str) -> str:
    return {" ": "·", "\u3000": "□"}.get(character, f"U+{ord(character):04X}")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
