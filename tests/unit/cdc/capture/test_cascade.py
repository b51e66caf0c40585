from __future__ import annotations

import dataclasses

import pytest
import yaml

from cdc.capture.cascade import Cascade, cascades_of
from cdc.capture.contract import from_document, to_document, to_yaml
from tests.contract.cdc.land.tables import ITEM

CREATE = """CREATE TABLE `child` (
  `id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `both` FOREIGN KEY (`a`, `b`) REFERENCES `parent` (`x`, `y`) ON DELETE SET NULL ON UPDATE CASCADE,
  CONSTRAINT `only deletes` FOREIGN KEY (`a`) REFERENCES `other`.`par``ent` (`x`) ON DELETE CASCADE,
  CONSTRAINT `refuses` FOREIGN KEY (`a`) REFERENCES `parent` (`x`),
  CONSTRAINT `says so` FOREIGN KEY (`a`) REFERENCES `parent` (`x`) ON DELETE NO ACTION ON UPDATE NO ACTION
) ENGINE=InnoDB COMMENT='CONSTRAINT `not` FOREIGN KEY (`a`) REFERENCES `parent` (`x`) ON DELETE CASCADE'"""


def test_keys_with_an_action_are_read_from_the_create_statement() -> None:
    assert list(cascades_of(CREATE, "shop")) == [
        Cascade("both", ("a", "b"), "shop.parent", ("x", "y"), "set null", "cascade"),
        Cascade("only deletes", ("a",), "other.par`ent", ("x",), "cascade", None),
    ]


@pytest.mark.parametrize("actions", [("cascade", None), (None, "set null"), ("cascade", "cascade")])
def test_a_contract_with_a_cascade_comes_back_from_file_and_database(actions: tuple[str | None, str | None]) -> None:
    contract = dataclasses.replace(ITEM, cascades=(Cascade("k", ("name",), "public.parent", ("id",), *actions),))
    assert from_document(to_document(contract), "here") == contract
    assert from_document(yaml.safe_load(to_yaml(contract)), "here") == contract
