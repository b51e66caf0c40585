"""The domains of a dictionary, bound to the mirrors that the target has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from cdc.derive.bind import bind, mirror_refs
from cdc.derive.mirror import read_mirrors
from cdc.derive.plan import Plan
from transforms.model import Dictionary


def bound_domains(connection: psycopg.Connection[Any], dictionary: Dictionary) -> Iterator[Plan]:
    """Yield each domain with its tables. Raises FatalError DRV-101 or DRV-102 where they do not fit."""
    for domain in dictionary.domains():
        yield bind(domain, dictionary.digest, read_mirrors(connection, mirror_refs(domain)))
