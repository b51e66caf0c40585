"""How long the stewards' page of a large dictionary takes, in CPU time of one core.

    python -m tests.bench.page [--mappings 300]

The dictionary of `ten_columns/` with its mapping that many times, each with a source table and a canonical table of its
own. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

from transforms.load import load
from transforms.review.site import describe, render

TEN_COLUMNS = Path(__file__).with_name("ten_columns")
LOT = "erp.lot"


def write_dictionary(folder: Path, mappings: int) -> None:
    """Write a dictionary of so many mappings."""
    shutil.copytree(TEN_COLUMNS, folder, dirs_exist_ok=True)
    text = (folder / "mappings" / f"{LOT}.yaml").read_text(encoding="utf-8")
    for number in range(1, mappings):
        own = text.replace(LOT, f"{LOT}_{number}").replace("trace.material_lot", f"trace.material_lot_{number}")
        (folder / "mappings" / f"{LOT}_{number}.yaml").write_text(own, encoding="utf-8")


def main() -> None:
    """Print the seconds and the size of the page as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mappings", type=int, default=300)
    mappings = parser.parse_args().mappings
    with tempfile.TemporaryDirectory() as name:
        write_dictionary(Path(name), mappings)
        dictionary = load(Path(name))
    start = time.process_time()
    document = describe(dictionary)
    described = time.process_time()
    page = render(document)
    figures = {
        "mappings": len(document.mappings),
        "columns": sum(len(target.columns) for one in document.mappings for target in one.targets),
        "describe_s": round(described - start, 2),
        "render_s": round(time.process_time() - described, 2),
        "page_mb": round(len(page.encode()) / 1e6, 1),
    }
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    main()
