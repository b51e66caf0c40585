"""Exit codes: one table says what each means, and every code of the catalogue that ends a command has its own."""

from __future__ import annotations

import pytest

from cdc.cli import failure
from cdc.cli.failure import Exit, report
from cdc.cli.main import execute
from cdc.errors import CdcError, FatalError, TransientError, catalogue


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FatalError("TGT-108"), Exit.FAILED),
        (FatalError("CFG-101"), Exit.USAGE),
        (FatalError("PRT-107"), Exit.ATTENTION),
        (FatalError("DRV-108"), Exit.REFUSED),  # nobody has approved it
        (FatalError("DRV-112"), Exit.REFUSED),  # the world is another one
        (FatalError("DRV-133"), Exit.REFUSED),  # who asked approves
        (FatalError("PRT-101"), Exit.REFUSED),  # no right to look
        (FatalError("PRT-102"), Exit.REFUSED),  # a legal hold
        (TransientError("TGT-122"), Exit.TIMED_OUT),
        (FatalError("EVD-114"), Exit.TIMED_OUT),
    ],
    ids=str,
)
def test_an_error_ends_a_command_as_what_it_amounts_to(
    error: CdcError, code: Exit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) is code
    assert "next:" in capsys.readouterr().err


def test_every_code_amounts_to_one_thing_and_is_catalogued() -> None:
    listed = [code for codes in failure._EXITS.values() for code in codes]
    assert len(listed) == len({*listed})
    assert {*listed} <= {*catalogue()}


def test_the_help_and_the_table_have_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    told = capsys.readouterr().out.partition("Exit codes:")[2]
    for one in Exit:
        assert f" {one.value} " in told.replace("\n", " ")
        assert f"\n{one.value} " in (failure.__doc__ or "")
