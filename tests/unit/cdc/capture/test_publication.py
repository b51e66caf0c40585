"""What nobody can have a server say here: the publications of PostgreSQL 18."""

from __future__ import annotations

import pytest

from cdc.capture.finding import Fault
from cdc.capture.publication import check_publication
from tests.unit.cdc.capture.signals import source

PUBLISHED = {"whole": True, "generated": False, "pubviaroot": False, "tables": ["public.t"], "partial": []}
TABLES = {("public", "t"): {"kind": "r", "oid": 7}}


def test_a_publication_of_generated_columns_is_refused() -> None:
    check_publication(source("t"), PUBLISHED, TABLES)
    with pytest.raises(Fault) as refused:
        check_publication(source("t"), {**PUBLISHED, "generated": True}, TABLES)
    assert refused.value.code == "SRC-123"
    assert refused.value.statement == 'ALTER PUBLICATION "cdc" SET (publish_generated_columns = none)'
