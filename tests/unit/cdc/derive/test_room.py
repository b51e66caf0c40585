"""Room for chunks of rows: never more at a time than there are places, and nobody is passed over."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdc.derive import room
from cdc.derive.room import Room


def never() -> None:
    raise AssertionError("nobody has to wait")


def test_so_many_domains_as_there_are_places_have_room_at_a_time() -> None:
    made = Room(2)
    inside = most = 0
    lock = threading.Lock()

    def work(_number: int) -> None:
        nonlocal inside, most
        for _ in range(50):
            with made.place(lambda: None):
                with lock:
                    inside += 1
                    most = max(most, inside)
                threading.Event().wait(0.0001)
                with lock:
                    inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (inside, most) == (0, 2)
    with made.place(never), made.place(never):
        pass


def test_a_place_goes_to_who_waits_and_not_to_who_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PATIENCE_S", 0.001)
    made, order, waits = Room(1), [], threading.Event()

    def wait_for_it() -> None:
        with made.place(waits.set):
            order.append("who waits")

    first = threading.Thread(target=wait_for_it)
    with made.place(never):
        first.start()
        assert waits.wait(20)
    with made.place(lambda: None):
        order.append("who comes later")
    first.join(20)
    assert order == ["who waits", "who comes later"]


def test_who_cannot_wait_any_longer_leaves_the_place_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PATIENCE_S", 0.001)
    made = Room(1)
    with made.place(never), pytest.raises(ZeroDivisionError), made.place(lambda: 1 // 0):
        pass
    with made.place(never):
        pass
