"""What sampled values show without showing them: how many, how long, of which form; and what looks like codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping as Map

from transforms.draft.table import Sample, SourceColumn
from transforms.draft.words import words_of
from transforms.value.number import number_text
from transforms.value.text import BLANKS

# What people write for "nothing"; compared in lower case, blanks around it aside.
_NOTHING = frozenset(
    {"", "-", "--", "/", "\\", ".", "?", "*", "n/a", "n.a.", "na", "nil", "none", "null", "tbd", "无", "没有", "空"}
    | {"0000-00-00", "0000-00-00 00:00:00", "00000000"}
)
# Columns of such names hold people, whose names look like codes where a plant is small.
_PEOPLE = frozenset({"address", "by", "contact", "inspector", "name", "patient", "phone"})
_PEOPLE_NAMED = re.compile(r"oper|user|person|emp|staff|doctor|mail|birth|creator|owner|signer", re.IGNORECASE)
_MOST_CODES = 20
_LONGEST_CODE = 20
_FEWEST_VALUES = 30
_REPEATED = 5  # how often a code stands there, on average
_NUMBERED = frozenset({"state", "type", "result", "disposition", "inspection"})  # what is coded in numbers, too


def describe(column: SourceColumn, sample: Sample, *, show: bool) -> str:
    """Return in words what the sample has of a column; values themselves only if they may be shown."""
    if column.name not in sample.values or not sample.rows:
        return ""
    counts = sample.counts[column.name]
    present = sum(counts.values())
    parts = [f"{round(100 * present / sample.rows)} % filled", f"{len(counts)} distinct"]
    if column.declared in ("text", "char") and present:
        parts.append(f"longest {sample.longest.get(column.name, 0)}")
        forms = Counter(_form(str(value)) for value in counts.elements() if not _is_nothing(str(value)))
        parts += [f"form {form} ({round(100 * times / present)} %)" for form, times in forms.most_common(1)]
    if show and present:
        parts.append("seen " + ", ".join(f'"{_short(value)}"' for value, _ in counts.most_common(3)))
    return ", ".join(parts)


def is_about_people(column: SourceColumn) -> bool:
    """Tell whether the values may be about persons."""
    spoken = words_of(column.name) | words_of(column.comment)
    return bool(spoken & _PEOPLE) or _PEOPLE_NAMED.search(column.name) is not None


def codes_in(column: SourceColumn, sample: Sample) -> Map[str, int]:
    """Return the few distinct values of a column that looks like one of codes, with their numbers; {} otherwise."""
    counts = sample.counts.get(column.name, Counter())
    present = sum(counts.values())
    words = words_of(column.name, column.comment)
    numbered = column.declared == "integer" and bool(words & _NUMBERED) and "id" not in words
    if not (column.declared in ("text", "char") or numbered) or is_about_people(column):
        return {}
    texts = Counter({code_text(value): times for value, times in counts.items()})
    texts = Counter({text: times for text, times in texts.items() if not _is_nothing(text)})
    few = 1 < len(texts) <= _MOST_CODES and present >= max(_FEWEST_VALUES, _REPEATED * len(texts))
    short = all(len(text) <= _LONGEST_CODE and not re.fullmatch(r"[0-9 +-]{7,}", text) for text in texts)
    return dict(sorted(texts.items())) if few and short else {}


def code_text(value: object) -> str:
    """Return a value as a code set has it."""
    return value.strip(BLANKS) if isinstance(value, str) else number_text(value)  # type: ignore[arg-type]


def nothing_in(sample: Sample) -> dict[str, int]:
    """Return what looks like a word for "nothing" in any column of texts, with how often it stands there."""
    found: Counter[str] = Counter()
    for counts in sample.counts.values():
        for value, times in counts.items():
            if isinstance(value, str) and _is_nothing(value):
                found[value.strip(BLANKS)] += times
    return dict(sorted(found.items()))


def _is_nothing(text: str) -> bool:
    return text.strip(BLANKS).lower() in _NOTHING


def _form(text: str) -> str:
    """Return what a text looks like: a letter as A, a digit as 9, a Chinese character as 字; the rest as it is."""
    masked = re.sub(r"[㐀-鿿]", "字", re.sub(r"[0-9]", "9", re.sub(r"[^\W\d_㐀-鿿字]", "A", text)))
    kept = "".join(character if character.isprintable() else " " for character in masked.strip())
    kept = re.sub(r"(.)\1{5,}", lambda run: f"{run[1]}x{len(run[0])}", kept)
    return kept[:30] or "blank"


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 30 else f"{text[:29]}…"
