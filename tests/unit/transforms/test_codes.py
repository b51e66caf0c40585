"""Code sets: comparing source codes, and refusing those that are not registered."""

from __future__ import annotations

import pytest

from transforms.errors import Refused
from transforms.model import CodeSet, Label, Synonym
from transforms.vocabulary.codes import fold_code, translation_step

GOOD, BAD = (Synonym("RELEASED"),), (Synonym("BLOCKED"),)
STATUS = CodeSet(
    name="status",
    version="1",
    codes={"RELEASED": Label("放行", "Released"), "BLOCKED": Label("冻结", "Blocked")},
    normalise=("trim", "nfkc", "upper"),
    synonyms={"mes": {"OK": GOOD, "1": GOOD, "让步": BAD}, "erp": {"OK": BAD}},
    unmapped="COD-201",
)


@pytest.mark.parametrize("code", ["OK", " ok　", "ＯＫ", "Ok\t", 1, "１"])
def test_code_is_compared_after_its_steps(code):
    assert translation_step(STATUS, "mes")(code) == "RELEASED"


def test_each_system_has_its_own_synonyms():
    assert translation_step(STATUS, "erp")("OK") == "BLOCKED"


@pytest.mark.parametrize(("system", "code"), [("mes", "NG"), ("mes", "RELEASED"), ("wms", "OK"), ("mes", "O K")])
def test_code_that_is_not_registered_is_refused_without_being_told(system, code):
    with pytest.raises(Refused) as caught:
        translation_step(STATUS, system)(code)
    assert caught.value.code == "COD-201"
    assert code not in str(caught.value).split()


def test_steps_apply_in_the_order_that_is_declared():
    assert fold_code(" ＯＫ", ("upper",)) == " ＯＫ"
    assert fold_code("　ＯＫ", ("nfkc", "trim")) == "OK"
