from __future__ import annotations

import json

import pytest

from cdc.cli.connectors.done import telling
from cdc.errors import TransientError


def test_a_person_reads_each_action_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with telling(as_json=False) as told:
        told.tell("erp", ["a", "b"])
        told.tell("mes", [])
        told.tell("wms", [], otherwise="does not run")
    assert capsys.readouterr().out == "erp: a\nerp: b\nmes: nothing to do\nwms: does not run\n"


def test_a_program_reads_all_of_it_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with telling(as_json=True) as told:
        told.tell("erp", ["a"])
        told.tell("mes", [], otherwise="does not run")
    assert json.loads(capsys.readouterr().out) == [{"source": "erp", "done": ["a"]}, {"source": "mes", "done": []}]
    with pytest.raises(TransientError):
        fail()
    assert capsys.readouterr().out == ""


def fail() -> None:
    with telling(as_json=True) as told:
        told.tell("erp", ["a"])
        raise TransientError("CON-101")
