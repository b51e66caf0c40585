"""`cdc dictionary scaffold`: a steward's first draft of mappings, out of contracts and a look at the mirrors."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from cdc.capture.contract import Contract, read_contracts
from cdc.cli.chosen import Name, named
from cdc.cli.complete import complete_contract
from cdc.cli.context import settings
from cdc.cli.drafted import Drafted, document, print_files, put, tell, write_files
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json
from cdc.config import Settings
from cdc.derive.sample import Limits, present_in, read_sample
from cdc.store.connection import connect
from transforms.draft.draft import Drafter, Unmappable
from transforms.draft.guess import Known
from transforms.draft.table import ForeignKey, Sample, SourceColumn, SourceTable
from transforms.draft.text import DraftText
from transforms.errors import DictionaryError
from transforms.load import EXAMPLE_FAILED, PACKAGED, read
from transforms.model import Dictionary, Label, Source
from transforms.value.moment import find_zone
from transforms.yaml.section import suggest

_MOST_LOOKED_UP = 500  # values of a column that are looked for in another mirror


def _zone(value: str | None) -> str | None:
    if value is not None and find_zone(value) is None:
        raise typer.BadParameter(f"{value} is no time zone; one is called Asia/Shanghai")
    return value


def scaffold(  # noqa: PLR0913, PLR0917 - they are the options of a command line
    context: typer.Context,
    source: Name,
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE",
            help="Its tables. Default: all of which there is a contract and no mapping.",
            autocompletion=complete_contract,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FOLDER",
            file_okay=False,
            help="Write the files here, as in the folder of a dictionary (which it may be). Default: print them.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there already.")] = False,
    no_sample: Annotated[
        bool, typer.Option("--no-sample", help="Ask no database: names, types and comments have to do.")
    ] = False,
    rows: Annotated[
        int, typer.Option("--rows", min=1, max=10_000, help="Look at so many rows of each mirror at most.")
    ] = 1000,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Give up a statement after so long.")
    ] = 5.0,
    show_values: Annotated[
        bool,
        typer.Option(
            "--show-values",
            help="Write some of the values that were seen into comments, but for columns about people. Without it only "
            "numbers, forms, and the codes of columns that look like code lists.",
        ),
    ] = False,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone",
            metavar="ZONE",
            callback=_zone,
            help="Where the source's clocks stand (Asia/Shanghai), if the dictionary does not know the source yet.",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `files` (path to text), and `tables`, a list of table, target (null: none could be "
            "drafted), told (why), rows (sampled), columns, a list of name, field, rule, source, reasons, score; "
            "lookups, a list of name, table, match, reasons; left, a list of source, reason; faults, a list of place, "
            "code, message.",
        ),
    ] = False,
) -> None:
    """Draft mappings for a steward to go on with: each guess, marked with its reason, is tried on rows of the mirror.

    The draft loads as it is; what is left to do stands in it, and its example, whose outcome is for a person to write,
    is what `cdc dictionary check` then names. The mirrors are only read, within the limits that the options set.

    Exit code 0, 2 if a file is there already or names are wrong, 4 if a table could not be drafted or its draft has
    other faults than its example.
    """
    options = settings(context)
    named(options, source)
    dictionary, added = _with_source(_loaded(options.folders.dictionary), source, time_zone)
    known = tuple(_table(one) for one in read_contracts(_contracts(options, source)))
    wanted = _wanted(known, tables or (), dictionary)
    replaced = frozenset(map(str, wanted))
    drafter = Drafter(Known(dictionary), known, dictionary.sources[source].time_zone, replaced)
    with _mirrors(options, Limits(rows, timeout), no_sample=no_sample) as mirrors:
        drafted = [_draft(drafter, table, mirrors, DraftText(dictionary, show_values), added) for table in wanted]
    drafted = _checked(drafted, options.folders.dictionary)
    files = {path: text for one in drafted for path, text in one.files.items()}
    if output is not None:
        write_files(output, files, force=force)
    if as_json:
        write_json({"files": files, "tables": [document(one) for one in drafted]})
    elif output is None:
        print_files(files)
    for one in drafted:
        tell(one)
    raise typer.Exit(Exit.OK if all(one.draft and not one.faults for one in drafted) else Exit.ATTENTION)


def _contracts(options: Settings, source: str) -> Path:
    return options.folders.connector_configs / "contracts" / source


def _table(contract: Contract) -> SourceTable:
    parents = {cascade.parent.rpartition(".")[2]: cascade for cascade in contract.cascades}
    return SourceTable(
        contract.schema,
        contract.table,
        contract.key,
        tuple(
            SourceColumn(one.name, one.type, one.mirror_type, one.nullable, one.comment or "")
            for one in contract.columns
        ),
        tuple(
            ForeignKey(each.columns[0], name, each.parent_columns[0])
            for name, each in parents.items()
            if len(each.columns) == 1
        ),
    )


def _loaded(folder: Path | None) -> Dictionary:
    """Return the dictionary, also one whose examples do not hold: as a draft's do not until somebody has been there."""
    dictionary, faults = read(folder)
    if dictionary is None:
        raise DictionaryError(faults)
    return dictionary


def _with_source(dictionary: Dictionary, name: str, zone: str | None) -> tuple[Dictionary, dict[str, str]]:
    """Return the dictionary with that source in it, and the file of one that it did not have."""
    if name in dictionary.sources:
        return dictionary, {}
    if zone is None:
        raise typer.BadParameter(f"the dictionary has no source {name} yet: say by --time-zone where its clocks stand")
    source = Source(name, Label(name, name), zone, frozenset({""}), {})
    text = (
        f"# Drafted. To do: the label, and every word that means nothing there.\nsource: {name}\n"
        f'label: {{zh: {name}, en: {name}}}\ntime_zone: {zone}\nnull_tokens: [""]\n'
    )
    return replace(dictionary, sources={**dictionary.sources, name: source}), {f"sources/{name}.yaml": text}


def _wanted(known: tuple[SourceTable, ...], named: Sequence[str], dictionary: Dictionary) -> list[SourceTable]:
    by_name = {table.name: table for table in known}
    for name in named:
        if name not in by_name:
            raise typer.BadParameter(f"no contract of a table {name}{suggest(name, by_name)}")
    mapped = {str(mapping.source) for mapping in dictionary.mappings}
    found = [by_name[name] for name in dict.fromkeys(named)] or [one for one in known if str(one) not in mapped]
    if not found:
        told = "every table has a mapping: name one" if known else "it has no contracts: run `cdc source contract`"
        raise typer.BadParameter(told)
    return found


@dataclass(frozen=True, slots=True)
class _Mirrors:
    """The mirrors of the target; without a connection nothing is known of them."""

    connection: psycopg.Connection | None
    limits: Limits

    def sample(self, table: SourceTable) -> Sample:
        if self.connection is None:
            return Sample()
        found = read_sample(self.connection, table, self.limits)
        if found is None:
            say(f"{table}: no mirror yet, or {self.limits.seconds} s were not enough; drafted without its rows.")
        return found or Sample()

    def present(self, sample: Sample, column: SourceColumn, other: SourceTable) -> tuple[int, int] | None:
        values = list(sample.counts.get(column.name, ()))[:_MOST_LOOKED_UP]
        return present_in(self.connection, values, other, self.limits) if self.connection and values else None


@contextmanager
def _mirrors(options: Settings, limits: Limits, *, no_sample: bool) -> Iterator[_Mirrors]:
    if no_sample:
        yield _Mirrors(None, limits)
        return
    with connect(options.target, "cdc dictionary scaffold") as connection:
        yield _Mirrors(connection, limits)


def _draft(drafter: Drafter, table: SourceTable, mirrors: _Mirrors, text: DraftText, added: dict[str, str]) -> Drafted:
    sample = mirrors.sample(table)
    try:
        draft = drafter.draft(table, sample, partial(mirrors.present, sample))
    except Unmappable as error:
        return Drafted(table, None, {}, told=str(error))
    return Drafted(table, draft, {**added, **text.files(draft)})


def _checked(drafted: list[Drafted], folder: Path | None) -> list[Drafted]:
    """Return the drafts with the faults that the loader has of them, in the dictionary that they are meant for."""
    with tempfile.TemporaryDirectory() as name:
        whole = Path(shutil.copytree(folder or PACKAGED, Path(name) / "dictionary"))
        for one in drafted:
            put(whole, one.files)
        _, faults = read(whole)
    left = [fault for fault in faults if fault.code != EXAMPLE_FAILED]
    return [replace(one, faults=tuple(fault for fault in left if fault.place.file in one.files)) for one in drafted]
