from __future__ import annotations

import json
import os
import re
import shutil
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdc.capture.contract import ColumnContract, Contract, to_yaml
from cdc.capture.lint.check import lint
from cdc.capture.lint.rule import Finding
from cdc.capture.lint.rules import RULES
from cdc.capture.plugin import CLASSES
from cdc.capture.source import KINDS
from cdc.cli.code import explanations
from cdc.cli.context import Invocation
from cdc.cli.main import execute
from compose.local.env import REPO

GOOD = """\
kind: {kind}
host: 127.0.0.1
port: 5432
database: mes
user: capture
password: ${{env:PASSWORD}}
tables: [{schema}orders, {schema}lines]
"""
EXAMPLES = Path(__file__).with_name("examples.yaml")
# Rules about what stands beside a file have tests of their own, below.
BESIDE = {"L10", "L18"}
SECRET = "geheim-4711"


def examples() -> Iterator[Any]:
    for rule, listed in yaml.safe_load(EXAMPLES.read_text(encoding="utf-8")).items():
        for number, example in enumerate(listed):
            yield pytest.param(rule, example, id=f"{rule}-{number}")


def write(folder: Path, more: str = "", *, name: str = "mes", kind: str = "postgresql", without: str = "") -> Path:
    text = GOOD.format(kind=kind, schema="public." if kind == "postgresql" else "")
    kept = [line for line in text.splitlines() if not (without and line.startswith(f"{without}:"))]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join([*kept, more, ""]), encoding="utf-8")
    return path


def contract(name: str, key: tuple[str, ...] = ("id",), origin: str = "primary") -> Contract:
    columns = tuple(ColumnContract(one, "integer", "integer", "int", nullable=False) for one in ("id", "place"))
    return Contract(f"mes.{name}", f"public.{name}", key, origin, columns)


def write_contracts(folder: Path, *contracts: Contract) -> None:
    (folder / "contracts" / "mes").mkdir(parents=True, exist_ok=True)
    for one in contracts:
        (folder / "contracts" / "mes" / f"{one.table}.yaml").write_text(to_yaml(one), encoding="utf-8")


def found(folder: Path, code: str) -> list[str]:
    """Return the findings of a rule about `mes`, as `line:column what`; the file is not one of a deployment."""
    one = folder / "mes.yaml"
    return [f"{each.line}:{each.column} {each.what}" for each in lint(folder / "none", [one]) if each.code == code]


@pytest.mark.parametrize(("rule", "example"), [*examples()])
def test_a_rule_finds_what_is_wrong_and_nothing_else(tmp_path: Path, rule: str, example: dict[str, str]) -> None:
    base = {"kind": example.get("kind", "postgresql"), "without": example.get("without", "")}
    write(tmp_path, example["fails"], **base)
    assert any(one.startswith(example["finds"]) for one in found(tmp_path, rule)), found(tmp_path, rule)
    write(tmp_path, example["passes"], **(base if example["passes"] else {"kind": base["kind"]}))
    assert lint(tmp_path / "none", [tmp_path / "mes.yaml"]) == []


def test_every_rule_has_an_example() -> None:
    assert {rule.code for rule in RULES} == yaml.safe_load(EXAMPLES.read_text()).keys() | BESIDE
    assert [rule.code for rule in RULES] == [f"L{number:02}" for number in range(1, len(RULES) + 1)]


@pytest.mark.parametrize(
    ("tables", "contracts", "what"),
    [
        (
            "{table: public.orders, key: [place]}",
            [contract("orders")],
            "7:33 key of orders is not that of its contract: id",
        ),
        ("public.orders", [contract("orders", origin="declared")], "7:10 the contract of orders has a key (declared)"),
        (
            "{table: public.orders, key: none}",
            [contract("orders")],
            "7:33 key of orders is none, and its contract has one",
        ),
    ],
)
def test_a_key_is_that_of_the_contract(tmp_path: Path, tables: str, contracts: list[Contract], what: str) -> None:
    write(tmp_path, f"tables: [{tables}]", without="tables")
    write_contracts(tmp_path, *contracts)
    (told,) = [one for one in lint(tmp_path) if one.code == "L09"]
    assert f"{told.line}:{told.column} {told.what}".startswith(what)
    write_contracts(tmp_path, contract("orders", ("place",), "declared") if "place" in tables else contract("orders"))
    write(tmp_path, f"tables: [{tables if 'place' in tables else 'public.orders'}]", without="tables")
    assert lint(tmp_path) == []


def test_tables_and_contracts_are_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    write_contracts(tmp_path, contract("orders"), contract("gone"))
    assert [(one.line, one.column, one.code, one.what) for one in lint(tmp_path)] == [
        (7, 1, "L10", "there is a contract of public.gone, which does not stand here"),
        (7, 25, "L10", "table public.lines has no contract"),
    ]
    (tmp_path / "contracts" / "mes" / "gone.yaml").unlink()
    write_contracts(tmp_path, contract("lines"))
    assert lint(tmp_path) == []


def test_what_the_dictionary_reads_is_captured(tmp_path: Path) -> None:
    write(tmp_path)
    write_contracts(tmp_path, contract("orders"), contract("lines"))
    reads = {"mes.orders": ["order"], "mes.stock": ["part", "order"], "wms.stock": ["part"]}
    assert [(one.line, one.code, one.what) for one in lint(tmp_path, (), reads)] == [
        (7, "L10", "part, order of the dictionary reads mes.stock, which does not stand here"),
    ]


def test_the_dictionary_of_the_settings_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(REPO / "connector-configs", tmp_path / "connector-configs")
    (tmp_path / "cdc.yaml").write_text(f"""
target: {{host: 127.0.0.1, port: 1, database: d, user: u, password: "${{env:PASSWORD}}"}}
kafka: {{bootstrap: "127.0.0.1:1"}}
connect: {{url: "http://127.0.0.1:1"}}
folders: {{connector_configs: connector-configs, dictionary: {REPO / "compose" / "dictionary"}}}
""")
    file = tmp_path / "connector-configs" / "mes.yaml"
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("PASSWORD", "x")
    assert execute(["connectors", "lint", "mes"]) == 0
    file.write_text(file.read_text().replace("public.mes_lot", "public.mes_lots"))
    assert execute(["connectors", "lint", "mes"]) == 2
    assert "of the dictionary reads mes.mes_lot, which does not stand here" in capsys.readouterr().out


def test_a_contract_that_is_damaged(tmp_path: Path) -> None:
    write(tmp_path)
    write_contracts(tmp_path, contract("orders"))
    (tmp_path / "contracts" / "mes" / "lines.yaml").write_text("mirror: 1\n")
    assert [one.code for one in lint(tmp_path)] == ["SRC-102"]


@pytest.mark.parametrize(
    ("kind", "own", "other", "what"),
    [
        ("postgresql", "slot.name: one", "slot.name: one", "slot.name is also that of wms.yaml"),
        ("postgresql", "publication.name: one", "publication.name: one", "publication.name is also that of wms.yaml"),
        ("mariadb", "database.server.id: 7", "database.server.id: 7", "database.server.id is also that of wms.yaml"),
        (
            *("mariadb", "max.batch.size: 7", "schema.history.internal.kafka.topic: cdc-history.mes"),
            "schema.history.internal.kafka.topic is also that of wms.yaml",
        ),
        (
            *("postgresql", "max.batch.size: 7", "transforms.stream.replacement: cdc.mes"),
            "transforms.stream.replacement is also that of wms.yaml",
        ),
    ],
)
def test_no_two_connectors_use_one_name(tmp_path: Path, kind: str, own: str, other: str, what: str) -> None:
    write(tmp_path, f"settings: {{{own}}}  # given", kind=kind)
    database = f"database: {'mes' if 'publication' in own else 'wms'}\n"
    write(tmp_path, f"{database}settings: {{{other}}}  # given", kind=kind, name="wms", without="database")
    mine = [one for one in lint(tmp_path, [tmp_path / "mes.yaml"]) if one.code == "L18"]
    assert [one.what for one in mine] == [what]
    write(tmp_path, "database: wms", kind=kind, name="wms", without="database")
    assert [one for one in lint(tmp_path) if one.code == "L18"] == []


@pytest.mark.parametrize(
    ("page", "name", "mark"),
    [("README.md", "plm", "# mine/connector-configs/plm"), ("connector-configs/README.md", "mes", "kind:")],
)
def test_the_files_that_pages_show_have_no_finding(tmp_path: Path, page: str, name: str, mark: str) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", (REPO / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    shown = next(block for block in blocks if block.lstrip().startswith(mark))
    (tmp_path / f"{name}.yaml").write_text(textwrap.dedent(shown), encoding="utf-8")
    assert lint(tmp_path / "none", [tmp_path / f"{name}.yaml"]) == []


def test_the_files_of_the_repository_have_no_finding() -> None:
    assert [one for one in lint(REPO / "connector-configs") if not one.allowed] == []


def test_a_comment_allows_a_rule_and_says_why(tmp_path: Path) -> None:
    weak = "host: db.example\n# allow L11: a cable of two metres\ntls: {mode: require}"
    write(tmp_path, weak, without="host")
    (told,) = lint(tmp_path / "none", [tmp_path / "mes.yaml"])
    assert (told.code, told.allowed) == ("L11", "a cable of two metres")
    write(tmp_path, weak.replace("L11:", "L12:"), without="host")
    assert [one.allowed for one in lint(tmp_path / "none", [tmp_path / "mes.yaml"])] == [""]


def test_nobody_allows_a_secret_or_code(tmp_path: Path) -> None:
    path = write(tmp_path, "password: geheim  # allow L01: for now", without="password")
    assert [(one.code, one.allowed) for one in lint(tmp_path / "none", [path])] == [("L01", "")]


def test_a_file_that_cannot_be_read_is_a_finding_at_its_place(tmp_path: Path) -> None:
    write(tmp_path, "tabels: [x]")
    assert [(one.code, one.line, one.column, one.what) for one in lint(tmp_path) if one.line == 8] == [
        ("SRC-101", 8, 1, "tabels is not an entry of a connector file; probably tables")
    ]
    (tmp_path / "mes.yaml").write_text("kind: [\n")
    assert [(one.code, one.line, one.what) for one in lint(tmp_path)] == [("SRC-101", 2, "is not YAML")]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    more = f"port: 70000\npassword: {SECRET}\ntables: [orders, public.lines]\nsettings: {{max.bach.size: 4096}}"
    text = write(tmp_path, more, without="port").read_text().splitlines()
    kept = [line for line in text if line != "password: ${env:PASSWORD}" and "public.orders" not in line]
    (tmp_path / "mes.yaml").write_text("\n".join(kept))
    told = {(one.line, one.column, one.code) for one in lint(tmp_path)}
    assert told == {(5, 1, "SRC-101"), (6, 1, "L01"), (7, 10, "SRC-101"), (8, 12, "L13"), (8, 12, "L17")}


# debezium-kafka.md 0: what the connectors do by default, and loses or alters data without a word.
DEFAULTS = [
    ("postgresql", "value.converter.replace.null.with.default", "true", "L14"),
    ("postgresql", "key.converter.replace.null.with.default", "true", "L14"),
    ("mariadb", "skipped.operations", "t", "L14"),
    ("postgresql", "plugin.name", "decoderbufs", "L14"),
    ("postgresql", "decimal.handling.mode", "precise", "L05"),
    ("mariadb", "bigint.unsigned.handling.mode", "long", "L05"),
    ("mariadb", "event.converting.failure.handling.mode", "warn", "L14"),
    ("postgresql", "include.unknown.datatypes", "false", "L14"),
    ("postgresql", "time.precision.mode", "isostring", "L05"),
    ("mariadb", "time.precision.mode", "adaptive_time_microseconds", "L05"),
]


@pytest.mark.parametrize(("kind", "key", "default", "code"), DEFAULTS)
def test_defaults_that_lose_data(tmp_path: Path, kind: str, key: str, default: str, code: str) -> None:
    path = write(tmp_path, f"settings: {{{key}: {default}}}  # as it comes", kind=kind)
    assert code in {one.code for one in lint(tmp_path / "none", [path])}


def test_300_tables_fit_one_file(tmp_path: Path) -> None:
    names = [f"t{number:03}" for number in range(300)]
    lines = "".join(f"  - public.{name}\n" for name in names)
    write(tmp_path, f"tables:\n{lines}exclude: [public.tmp_*, audit.log]", without="tables")
    write_contracts(tmp_path, *(contract(name) for name in names))
    assert lint(tmp_path) == []
    write(tmp_path, f"tables:\n{lines}exclude: [public.t1*]", without="tables")
    (told,) = lint(tmp_path)
    assert told.what.startswith("public.t1* is excluded, and public.t100, public.t101")


def test_no_secret_is_in_any_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written_out = (
        f"password: {SECRET}",
        f"tls: {{ca: /x.pem, keystore: /k.p12, keystore_password: {SECRET}}}",
        f"settings: {{producer.override.sasl.jaas.config: 'x password=\"{SECRET}\"',",
        f"  driver.trustStorePassword: {SECRET},",
        f"  signal.consumer.client.id: 'x password={SECRET}', database.url: 'jdbc:x://u:{SECRET}@h'}}",
    )
    write(tmp_path, "\n".join(written_out), without="password")
    for arguments in (["connectors", "lint", "--folder", str(tmp_path)],):
        assert execute([*arguments]) == 2
        assert execute([*arguments, "--json"]) == 2
    shown = capsys.readouterr()
    assert "L01" in shown.out
    assert SECRET not in shown.out + shown.err


def test_nothing_is_asked_and_no_secret_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    for name in [name for name in os.environ if name.startswith("CDC_")]:
        monkeypatch.delenv(name)
    assert execute(["connectors", "lint", "--folder", str(REPO / "connector-configs")]) == 0


def test_what_is_printed_and_how_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "settings: {max.bach.size: 4096}  # fast")
    assert execute(["connectors", "lint", "--folder", str(tmp_path / "contracts"), str(path)]) == 2  # no such folder
    capsys.readouterr()
    assert execute(["connectors", "lint", "--folder", str(tmp_path), "--json", "mes"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["allowed"] == []
    by_code = {one["code"]: one for one in told["findings"]}
    assert by_code.keys() == {"L10", "L13"}
    assert by_code["L13"].keys() == {"file", "line", "column", "code", "what", "cause", "action"}
    write_contracts(tmp_path, contract("orders"), contract("lines"))
    assert execute(["connectors", "lint", "--folder", str(tmp_path)]) == 2
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"{path}:8:12 L13 {by_code['L13']['what']}"
    write(tmp_path)
    assert execute(["connectors", "lint", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "No finding.\n"
    assert execute(["connectors", "lint", "--folder", str(tmp_path), "wms"]) == 2
    assert "SRC-103" in capsys.readouterr().err


def test_every_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["code", "l07"]) == 0
    assert capsys.readouterr().out.startswith("L07 setting decides what the connector is, or how it begins\n")
    known = explanations(Invocation())
    for rule in RULES:
        assert (known[rule.code].title, known[rule.code].action) == (rule.title, rule.action)
        assert all(text.endswith(".") for text in (rule.cause, rule.action))


def test_the_page_has_every_rule() -> None:
    page = (REPO / "connector-configs" / "lint.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| (L\d\d) \| (.*) \|$", page, re.MULTILINE))
    assert told == {rule.code: rule.title + " (cannot be allowed)" * rule.final for rule in RULES}


def test_the_templates_have_no_finding() -> None:
    templates = sorted((REPO / "connector-configs" / "templates").glob("*/source.yaml"))
    assert {path.parent.name for path in templates} == set(CLASSES)
    for path in templates:
        assert lint(REPO / "connector-configs", [path]) == []
        names = {each.name for each in path.parent.iterdir()}
        assert names == {"README.md", "source.yaml", "dba.cl" if path.parent.name == "ibmi" else "dba.sql"}
        page = (path.parent / "README.md").read_text(encoding="utf-8")
        assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["Checklist", "What the connector cannot do"]
        assert ("does not land" in page.replace("\n", " ")) == (path.parent.name not in KINDS)


def test_a_finding_knows_its_place() -> None:
    assert Finding("a.yaml", 3, 7, "L01", "x", "y.", "z.").place == "a.yaml:3:7"
