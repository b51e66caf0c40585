"""`cdc audit verify` and `heads`: what is printed, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdc.change import Record
from cdc.config import Anchors, Target
from cdc.evidence.place import AnchorFile
from cdc.evidence.publisher import Publisher
from cdc.observe.monitor import Monitor
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.evidence.forger import changed, cut_off, execute, forge, with_new_heads
from tests.contract.cdc.land.stage import Stage
from tests.owner import disarm


@pytest.fixture
def landed(landed: Stage) -> Stage:
    """The same, without what keeps its owner from changing it."""
    disarm(landed.connection)
    return landed


def test_what_landed_holds_and_meets_the_anchors_of_before(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    printed = cdc("audit", "heads")
    (line,) = printed.out.splitlines()
    head = json.loads(line)
    assert (head["stream"], head["offset"]) == ("cdc.src", landed.position.next_offset)
    file = tmp_path / "anchors.jsonl"
    file.write_text(printed.out)
    done = cdc("audit", "verify", "--anchor", str(file), "--json")
    assert (done.code, done.document["holds"]) == (0, True)
    assert (done.document["signatures"], done.document["bare"]) == ("none", [])
    (stream,) = done.document["streams"]
    assert stream == {
        "stream": "cdc.src", "batches": 5, "records": 15, "offset": head["offset"], "head": head["head"], "anchors": 1,
        "archived": 0, "shredded": 0, "lost": [],
        "fault": None,
    }  # fmt: skip
    assert "Every chain holds." in cdc("audit", "verify").err


def test_the_first_bad_batch_and_offset_are_named(cdc: Cdc, landed: Stage) -> None:
    execute(landed, "UPDATE cdc.journal SET chunk = (SELECT chunk FROM cdc.journal WHERE batch = 2) WHERE batch = 3")
    done = cdc("audit", "verify", "cdc.src")
    assert done.code == 3
    assert "cdc.src: batch 3, offset " in done.err
    assert "EVD-101" in done.err


def test_a_stream_that_is_gone_is_missed_by_its_anchor(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text(cdc("audit", "heads").out)
    for table in ("journal", "changed_key", "batch_table", "unit", "batch", "position"):
        execute(landed, f"DELETE FROM cdc.{table}")
    assert cdc("audit", "verify").code == 0  # nothing has landed
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "the stream has no position" in done.err) == (3, True)


@pytest.mark.parametrize("line", ["{}", "no JSON", '{"stream": "a", "offset": 1, "head": "zz", "time": ""}'])
def test_a_line_that_is_no_anchor_is_refused_with_its_place(cdc: Cdc, landed: Stage, tmp_path: Path, line: str) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"\n{line}\n")
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "EVD-102" in done.err, "anchors.jsonl:2" in done.err) == (1, True, True)


FORGERIES: dict[str, Callable[[list[Record]], list[Record]]] = {
    "an edit": changed,
    "a deletion": lambda records: records[1:],
    # Where the transaction before ended in Kafka, an offset has no record.
    "an insertion": lambda records: [records[0]._replace(offset=records[0].offset - 1), *records],
    "another order": lambda records: [
        records[0]._replace(value=records[-1].value),
        *records[1:-1],
        records[-1]._replace(value=records[0].value),
    ],
}


@dataclass(frozen=True)
class Published:
    """Where the heads of a stream have been published, and by which key."""

    file: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        return "--anchor", str(self.file), "--key", f"{self.key}.pub"


@pytest.fixture
def published(cdc: Cdc, landed: Stage, target: Target, tmp_path: Path) -> Published:
    """The heads as the service itself publishes them; there is no broker here."""
    key, file = tmp_path / "key", tmp_path / "heads.jsonl"
    assert cdc("dictionary", "keygen", str(key)).code == 0
    with closing(Publisher(target, Anchors(key, file, "heads"), [AnchorFile(file)], Monitor("watch"))) as publisher:
        publisher.turn()
    return Published(file, key)


def test_published_heads_hold_and_are_signed(cdc: Cdc, published: Published) -> None:
    done = cdc("audit", "verify", *published.options)
    assert (done.code, "Every chain holds." in done.err, "signatures" in done.err) == (0, True, False)
    assert "signatures" in cdc("audit", "verify").err  # those on record in the target are signed, and nobody looked
    said = {words: cdc("audit", "verify", *words, "--json").document for words in (published.options, ())}
    assert [one["signatures"] for one in said.values()] == ["verified", "unverified"]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_journal_that_was_written_anew_is_found_by_a_published_head_alone(
    cdc: Cdc, landed: Stage, published: Published, forgery: str
) -> None:
    forge(landed, 3, FORGERIES[forgery])
    assert cdc("audit", "verify").code == 3  # the chain itself, as long as its heads stand
    with_new_heads(landed)
    execute(landed, "DELETE FROM cdc.anchor")
    assert cdc("audit", "verify").code == 0
    done = cdc("audit", "verify", *published.options)
    assert (done.code, "an anchor has another head" in done.err) == (3, True)


def test_a_tail_that_was_cut_off_is_found_by_a_published_head_alone(
    cdc: Cdc, landed: Stage, published: Published
) -> None:
    cut_off(landed)
    assert cdc("audit", "verify").code == 3  # by what the target itself has on record
    execute(landed, "DELETE FROM cdc.anchor")
    assert cdc("audit", "verify").code == 0
    done = cdc("audit", "verify", *published.options)
    assert (done.code, "behind the end of the stream" in done.err) == (3, True)


def test_a_line_that_was_changed_or_added_without_the_key_is_refused(
    cdc: Cdc, landed: Stage, published: Published, tmp_path: Path
) -> None:
    line = json.loads(published.file.read_text())
    other = tmp_path / "other"
    assert cdc("dictionary", "keygen", str(other)).code == 0
    forged = {
        "changed": json.dumps({**line, "head": "00" * 32}),
        "at another offset": json.dumps({**line, "offset": line["offset"] - 1}),
        "of another stream": json.dumps({**line, "stream": "cdc.other"}),
        "of another time": json.dumps({**line, "time": "2026-03-02T08:00:00+00:00"}),
        "unsigned": cdc("audit", "heads").out,
        "signed by somebody else": cdc("audit", "heads", "--key", str(other)).out,
        "signed by nothing": json.dumps({**line, "signature": "?"}),
    }
    for what, text in forged.items():
        file = tmp_path / "forged.jsonl"
        file.write_text(published.file.read_text() + text)
        done = cdc("audit", "verify", "--anchor", str(file), "--key", f"{published.key}.pub")
        assert (done.code, "EVD-122" in done.err, "forged.jsonl:2" in done.err) == (1, True, True), what
    keys = ("--key", f"{published.key}.pub", "--key", f"{other}.pub")  # as after a key was replaced
    file.write_text(published.file.read_text() + forged["signed by somebody else"])
    assert cdc("audit", "verify", "--anchor", str(file), *keys).code == 0


def test_a_file_whose_heads_are_gone_shows_nothing(cdc: Cdc, published: Published) -> None:
    published.file.write_text("")
    done = cdc("audit", "verify", *published.options)
    assert (done.code, "No head of cdc.src is there" in done.err) == (4, True)
    done = cdc("audit", "verify", *published.options, "--json")
    assert (done.code, done.document["bare"]) == (4, ["cdc.src"])


def test_a_line_on_record_that_was_changed_is_refused(cdc: Cdc, landed: Stage, published: Published) -> None:
    execute(landed, "UPDATE cdc.anchor SET line = replace(line, 'cdc.src', 'cdc.scr')")
    done = cdc("audit", "verify", "--key", f"{published.key}.pub")
    assert (done.code, "EVD-122" in done.err, "cdc.anchor:1" in done.err) == (1, True, True)


def test_what_is_no_public_key_is_refused(cdc: Cdc, published: Published) -> None:
    done = cdc("audit", "verify", "--key", str(published.key))
    assert (done.code, "EVD-123" in done.err) == (1, True)


def test_two_anchors_that_contradict_each_other(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    first = cdc("audit", "heads").out
    head = json.loads(first)
    other = json.dumps({**head, "head": "00" * 32})
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"{first}{other}\n")
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "EVD-102" in done.err) == (1, True)
