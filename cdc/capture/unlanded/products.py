"""The products whose changes are not landed, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cdc.capture.unlanded import db2, ibmi, informix, oracle, sqlserver
from cdc.capture.unlanded.product import Product

PRODUCTS: Final[Mapping[str, Product]] = {
    "sqlserver": sqlserver.PRODUCT,
    "oracle": oracle.PRODUCT,
    "db2": db2.PRODUCT,
    "informix": informix.PRODUCT,
    "ibmi": ibmi.PRODUCT,
}
