"""The examples that the language reference prints run as they stand, on the packaged dictionary."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from textwrap import dedent, indent

from transforms.load import PACKAGED
from transforms.review.trial import try_examples

README = (PACKAGED.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def block(text: str) -> str:
    """Return the one block that has a text in it."""
    (found,) = (one for one in BLOCKS if text in one)
    return found


def test_the_example_that_goes_on(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PACKAGED, tmp_path / "dictionary"))
    file = folder / "mappings" / "mes.mes_lot.yaml"
    text = file.read_text(encoding="utf-8").partition("examples:\n")[0]
    file.write_text(f"{text}examples:\n{indent(dedent(block('    then:')), '  ')}", encoding="utf-8")
    assert try_examples(folder).failures == ()


def test_the_example_that_is_like_another(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PACKAGED, tmp_path / "dictionary"))
    file = folder / "mappings" / "erp.ICStockBillEntry.yaml"
    more = block("like: production receipt").replace("lot with a space inside", "as the reference has it")
    file.write_text(file.read_text(encoding="utf-8") + indent(dedent(more), "  "), encoding="utf-8")
    assert try_examples(folder).failures == ()
