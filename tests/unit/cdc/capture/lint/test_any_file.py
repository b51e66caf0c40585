"""Whatever stands in a file, it is checked to its end: every finding has a place, and nothing is raised."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.capture.lint.check import lint
from cdc.capture.plugin import CLASSES, plugin_of
from compose.local.env import REPO

ENTRIES = ("kind", "host", "port", "database", "user", "password", "tls", "state", "tables", "exclude", "settings")
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["${env:A}", "a.b", "none"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FOLDER = TemporaryDirectory()
KNOWN = [*plugin_of("postgresql").listed, *plugin_of("mariadb").read, "producer.override.ssl.protocol", "driver.x"]


@settings(max_examples=60)
@given(
    kind=st.sampled_from([*CLASSES]),
    changes=st.dictionaries(st.sampled_from([*ENTRIES, "tabels", "zero_dates", "drift"]), VALUES, max_size=4),
    given_settings=st.dictionaries(st.sampled_from(KNOWN), VALUES, max_size=4),
)
def test_any_entry_may_be_anything(kind: str, changes: dict[str, object], given_settings: dict[str, object]) -> None:
    path = REPO / "connector-configs" / "templates" / kind / "source.yaml"
    document = {**yaml.safe_load(path.read_text(encoding="utf-8")), "settings": given_settings, **changes}
    findings = lint(Path("none"), [_written(yaml.safe_dump(document, allow_unicode=True))])
    assert all(one.line > 0 and one.column > 0 and one.what for one in findings)
    # A policy that says nothing is one: there is nothing to find.
    odd = {key for key, value in changes.items() if (key, value) != ("drift", {})}
    assert findings or odd <= set(ENTRIES)


@settings(max_examples=50)
@given(st.binary(max_size=60) | st.text(alphabet="ab:{}[]\n -#&*!|>'\"%@`,?\t", max_size=40))
def test_any_bytes_may_be_a_file(content: bytes | str) -> None:
    assert lint(Path("none"), [_written(content)])


def _written(content: bytes | str) -> Path:
    path = Path(_FOLDER.name) / "any.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path
