"""Reading a dictionary takes a number of steps that grows with its size, and no faster: counted, not timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import pytest

from tests.unit.transforms.attack.base import BASE, write
from transforms.errors import Faults, Place
from transforms.load import read
from transforms.yaml.section import suggest

SMALL, LARGE = 20, 80
INSP = "mappings/erp.insp.yaml"


def put(file: str, before: str, part: Callable[[int], str]) -> Callable[[int], dict[str, str]]:
    """Return what makes the folder with `count` parts put in before a text of one file."""
    return lambda count: {**BASE, file: BASE[file].replace(before, "".join(map(part, range(count))) + before, 1)}


FAMILIES = {
    "codes": put("codesets/state.yaml", "ON: {zh", lambda n: f"C{n}: {{zh: c, en: c}}, "),
    "synonyms": put("codesets/state.yaml", "unmapped:", lambda n: f"  - {{system: erp, code: C{n}, to: ON}}\n"),
    "synonyms of unknown codes": put(
        "codesets/state.yaml", "unmapped:", lambda n: f"  - {{system: erp, code: C{n}, to: ONE{n}}}\n"
    ),
    "one synonym again and again": put(
        "codesets/state.yaml", "unmapped:", lambda _: '  - {system: erp, code: "1", to: ON}\n'
    ),
    "aliases": put("units.yaml", "  erp: {PCS", lambda n: f"  s{n}: {{PCS: C62}}\n"),
    "units": put("units.yaml", "aliases:", lambda n: f"  U{n}: {{label: {{zh: u, en: u}}, ucum: u, dimension: d}}\n"),
    "unknown keys": put("dictionary.yaml", "version:", lambda n: f"versions{n}: x\n"),
    "the same key": put("dictionary.yaml", "version:", lambda _: "author: x\n"),
    "fields": put(
        "fields.yaml",
        "  part_id:",
        lambda n: f"  f{n}: {{label: {{zh: p, en: p}}, definition: d, type: string(5), owner: o, example: P}}\n",
    ),
    "columns of the source": put(INSP, "no: text, part", lambda n: f"c{n}: text, "),
    "lets": put(INSP, "  number: CLEAN", lambda n: f"  x{n}: no\n"),
    "lets of lets": put(INSP, "  number: CLEAN", lambda n: f"  x{n}: {f'x{n - 1} || x{n - 1}' if n else 'no'}\n"),
    "examples": put(
        INSP,
        "  - {name: not wanted",
        lambda n: f"  - {{name: e{n}, like: all of it, in: {{no: skip}}, filtered: true}}\n",
    ),
    "examples that do not hold": put(
        INSP, "  - {name: not wanted", lambda n: f"  - {{name: e{n}, like: all of it, filtered: true}}\n"
    ),
    "targets": put(
        INSP,
        "  - table: trace.owned",
        lambda n: f"  - {{table: trace.t{n}, key: [part_id], columns: {{part_id: number}}}}\n",
    ),
    "canonical columns": put(INSP, "      much: {expr", lambda n: f"      c{n}: {{expr: part, field: note}}\n"),
    "checks": put(INSP, "      - {rule: note", lambda n: f"      - {{rule: note <> 'bad{n}', error: QC-101}}\n"),
    "look-ups": put(
        INSP,
        "  owner:\n",
        lambda n: f"  o{n}: {{table: erp.o, match: o{n}.id = owner_id, columns: {{id: integer}}}}\n",
    ),
    "parts of explode": put(INSP, "{at: 2, value: t2}", lambda n: f"{{at: {n}, value: t1}}, "),
    "references": put(
        "folds/trace.place.yaml", "  - {columns: [part_id]", lambda n: f"  - {{columns: [note], to: trace.part{n}}}\n"
    ),
}


def steps(deed: Callable[[], object]) -> int:
    """Return how many calls something takes."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        deed()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture(scope="module")
def none(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many steps the folder takes before anything is put in."""
    return steps(partial(read, write(tmp_path_factory.mktemp("none"), BASE)))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_steps_grow_with_the_files_and_no_faster(family, none, tmp_path):
    roots = [write(tmp_path / str(count), family(count)) for count in (SMALL, LARGE)]
    short, long = (steps(partial(read, root)) for root in roots)
    assert (long - none) <= 1.25 * LARGE / SMALL * (short - none) + 3000


def test_a_misspelt_name_is_not_compared_with_each_of_a_long_list():
    names = [f"CODE_{number:05}" for number in range(10_000)]
    assert suggest("code_00001", names) == "; did you mean `CODE_00001`?"
    assert suggest("CODE_0001", names[:1000]).startswith("; did you mean `CODE_0")
    assert steps(lambda: suggest("CODE_0001", names)) < 20_000


def test_faults_are_not_compared_with_each_other():
    def find(count: int) -> Faults:
        faults = Faults()
        for number in range(count):
            faults.add(Place("rule.yaml", number % (count // 2) + 1), "DIC-105", "the same")
        return faults

    assert len(find(100).found) == 50
    assert steps(lambda: find(4000)) < 5 * steps(lambda: find(1000))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("count", "wrap"), [(30, "{}"), (60, "{}"), (900, "{}"), (39, f"{'ABS(' * 35}{{}}{')' * 35}")], ids=str
)
def test_names_that_want_each_other_end_somewhere(tmp_path, count, wrap, backwards):
    lets = ["  x0: s1\n", *(f"  x{n}: {wrap.format(f'x{n - 1}')} + 1\n" for n in range(1, count))]
    text = "".join(reversed(lets) if backwards else lets)
    changed = (
        BASE[INSP]
        .replace("  number: CLEAN", f"{text}  number: CLEAN")
        .replace("s1, at: day", f"x{count - 1} - {count - 1}, at: day")
    )
    dictionary, faults = read(write(tmp_path, {**BASE, INSP: changed}))
    assert {fault.code for fault in faults} <= {"DIC-121"}
    assert (dictionary is None) == bool(faults)
    # Whatever the stack was when the dictionary was loaded: what is not deep is taken, and what is deep is not.
    assert (faults == []) if count == 30 else faults or "ABS" in wrap
