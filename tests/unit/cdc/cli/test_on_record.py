"""What is put on record of an action on connectors."""

from __future__ import annotations

import pytest

from cdc.cli.connectors.on_record import recorded
from cdc.errors import CdcError, FatalError, TransientError


@pytest.mark.parametrize(
    ("error", "is_recorded"),
    [
        # The connector may be paused by now: what failed is the answer.
        (FatalError("CON-105", "status 500"), True),
        (TransientError("CON-101", "ReadTimeout"), True),
        (TransientError("CON-104", "mes is RUNNING"), True),
        (FatalError("CON-103", "mes"), True),
        (FatalError("CON-180", "mes"), False),
        (FatalError("CON-185", "mes"), False),
    ],
)
def test_what_may_have_been_done_is_put_on_record(error: CdcError, is_recorded: bool) -> None:
    noted: list[tuple[str, str, object]] = []
    with (
        pytest.raises(CdcError) as raised,
        recorded(lambda *what: noted.append(what), "connectors paused", "mes"),
    ):
        raise error
    assert raised.value is error
    assert noted == [("connectors paused", "mes", {"failed": error.code})] * is_recorded


@pytest.mark.parametrize("done", [[], ["paused"]])
def test_what_was_done_is_put_on_record_when_it_is_done(done: list[str]) -> None:
    noted: list[tuple[str, str, object]] = []
    with recorded(lambda *what: noted.append(what), "connectors paused", "mes") as effect:
        if done:
            effect["done"] = done
        assert not noted
    assert noted == [("connectors paused", "mes", {"done": done}) for _ in done]


def test_what_was_done_before_the_rest_was_refused_is_put_on_record() -> None:
    noted: list[tuple[str, str, object]] = []

    def apply() -> None:
        with recorded(lambda *what: noted.append(what), "connectors apply", "mes") as effect:
            effect["done"] = ["settings changed"]
            raise FatalError("CON-108", "mes")

    with pytest.raises(FatalError, match="CON-108"):
        apply()
    assert noted == [("connectors apply", "mes", {"done": ["settings changed"], "failed": "CON-108"})]
