from __future__ import annotations

import pytest

from cdc.cli.connectors.follow import lines_of
from cdc.cli.main import execute
from cdc.observe.load import Load, TableLoad


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a TABLE"),
        (["--cancel"], "name a TABLE"),
        (["--watch"], "name a TABLE"),
        (["public.lot", "--pause"], "name no TABLE"),
        (["public.lot", "--resume"], "name no TABLE"),
        (["--pause", "--resume"], "are one thing each"),
        (["public.lot", "--cancel", "--where", "a = 1"], "are one thing each"),
        (["public.lot", "public.cert", "--where", "a = 1"], "one table"),
    ],
)
def test_one_thing_is_asked_at_a_time(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDC_CONFIG", raising=False)  # it is said before anything is read
    assert execute(["connectors", "snapshot", "mes", *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_table_that_is_read_is_told_with_the_end_of_all() -> None:
    tables = [TableLoad("mes.lot", "loading", 40, 100, 40.0), TableLoad("mes.cert", "waiting", 0, 60, 0.0)]
    load = Load("cdc.mes", 40, 160, 25.0, 2.0, 60.0, 20.0, tables)
    assert lines_of(load) == ["mes.lot: 40 rows of about 100, 2 rows/s, 60 s to go"]
    unknown = Load("cdc.mes", 40, None, None, 2.0, None, 20.0, [TableLoad("mes.lot", "loading", 40, None, None)])
    assert lines_of(unknown) == ["mes.lot: 40 rows, 2 rows/s, end unknown"]
    assert lines_of(Load("cdc.mes", 0, 160, 0.0, 0.0, None, 1.0, tables[1:])) == []
