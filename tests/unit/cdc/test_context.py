from __future__ import annotations

from pathlib import Path

import pytest

from cdc.context import contexts, current, settings_file
from cdc.errors import FatalError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("test", "prod"):
        (tmp_path / f"{name}.yaml").touch()
    (tmp_path / "connector-configs").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "context", "variables", "file"),
    [
        ("", "prod", {}, "prod.yaml"),
        ("", None, {"CDC_CONTEXT": "test"}, "test.yaml"),
        ("", "prod", {"CDC_CONTEXT": "test"}, "prod.yaml"),
        (None, "prod", {"CDC_CONFIG": ""}, "prod.yaml"),
        (None, None, {"CDC_CONFIG": "test.yaml"}, "test.yaml"),
        ("test.yaml", None, {"CDC_CONFIG": "", "CDC_CONTEXT": "prod"}, "test.yaml"),  # typed, so it is meant
    ],
)
def test_a_file_is_named_or_is_that_of_a_context(
    folder: Path, path: str | None, context: str | None, variables: dict[str, str], file: str
) -> None:
    given = None if path is None else folder / path
    known = {name: str(folder / value) if name == "CDC_CONFIG" else value for name, value in variables.items()}
    assert settings_file(given, context, known) == folder / file
    is_of_context = (given or Path(known["CDC_CONFIG"])).is_dir()
    assert current(given, context, known) == (file.removesuffix(".yaml") if is_of_context else None)


@pytest.mark.parametrize(
    ("path", "context", "variables", "said"),
    [
        ("", None, {}, "give --context NAME or set CDC_CONTEXT (in {}: prod, test)"),
        ("", "prdo", {}, "there is no context prdo (in {}: prod, test)"),
        ("", "../prod", {}, "there is no context ../prod"),
        ("connector-configs", "prod", {}, "(in {}/connector-configs: none)"),
        ("test.yaml", "prod", {}, "context prod: {}/test.yaml is no folder"),
        (None, None, {"CDC_CONFIG": "test.yaml", "CDC_CONTEXT": "prod"}, "context prod: test.yaml is no folder"),
        (None, None, {}, "give --config FILE or set CDC_CONFIG"),
    ],
)
def test_no_file_is_guessed(
    folder: Path, path: str | None, context: str | None, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(FatalError) as caught:
        settings_file(None if path is None else folder / path, context, variables)
    assert caught.value.code == "CFG-101"
    assert said.format(folder) in caught.value.detail


def test_contexts_are_the_settings_files_of_a_folder(folder: Path) -> None:
    assert contexts(folder) == {"prod": folder / "prod.yaml", "test": folder / "test.yaml"}
    assert contexts(folder / "prod.yaml") == {}
