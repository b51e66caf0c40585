"""Which mappings are cut together."""

from __future__ import annotations

from transforms.domain import group_mappings
from transforms.mapping import Lookup, Mapping, Match, MirrorRef, Reference, Target


def reference(table: str) -> Reference:
    return Reference((), "trace", table, (), required=True)


def mapping(source: str, target: str, lookups: tuple[str, ...] = (), references: tuple[str, ...] = ()) -> Mapping:
    return Mapping(
        name=f"erp.{source}",
        source=MirrorRef("erp", source),
        lookups=tuple(Lookup(name, MirrorRef("erp", name), (Match("id", "", "id"),), None) for name in lookups),
        inputs=(),
        targets=(Target("trace", target, (), (), tuple(map(reference, references)), "delete"),),
        normalise=lambda row: None,
    )


def names(*mappings: Mapping) -> list[tuple[str, list[str]]]:
    return [(domain.name, [member.name for member in domain.mappings]) for domain in group_mappings(mappings)]


def test_mappings_that_share_nothing_stand_alone():
    assert names(mapping("b", "two"), mapping("a", "one")) == [("one", ["erp.a"]), ("two", ["erp.b"])]


def test_a_domain_knows_all_mirrors_that_its_rows_are_made_with():
    (domain,) = group_mappings((mapping("a", "one", ("x",)), mapping("b", "one")))
    assert domain.mirrors == {MirrorRef("erp", name) for name in ("a", "b", "x")}


def test_a_mirror_that_both_look_up_connects():
    assert names(mapping("a", "one", ("x",)), mapping("b", "two", ("x",))) == [("one", ["erp.a", "erp.b"])]


def test_the_source_of_one_that_another_looks_up_connects():
    assert names(mapping("a", "one"), mapping("b", "two", ("a",))) == [("one", ["erp.a", "erp.b"])]


def test_a_reference_connects_and_a_third_joins_two_groups():
    first, second = mapping("a", "one"), mapping("b", "two")
    joining = mapping("c", "three", references=("one", "two"))
    assert names(first, second, joining) == [("one", ["erp.a", "erp.b", "erp.c"])]


def test_a_mirror_and_a_canonical_table_of_one_name_do_not_connect():
    other = Mapping("trace.one", MirrorRef("trace", "one"), (), (), mapping("z", "five").targets, lambda row: None)
    assert names(mapping("a", "one"), other) == [("five", ["trace.one"]), ("one", ["erp.a"])]
