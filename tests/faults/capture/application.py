"""The application of a real source: it changes rows all the time, whatever becomes of server and connector.

Every transaction numbers itself in `tx`, and what it moves between `shelf` and `cart` adds up at each of its commits.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pymysql
from pymysql.constants import ER

from tests.faults.history import STOCK
from tests.integration.shapes.side import Side

PLACES = 4
TOTAL = 2 * PLACES * STOCK
# Rows that make a snapshot last: nothing is derived from them.
BALLAST = 40_000
_KEYS = range(1, 60)
_PAUSE_S = 0.01

TABLES = {
    "north": {
        "tx": "id int PRIMARY KEY",
        "shelf": "id int PRIMARY KEY, qty int NOT NULL, ver int NOT NULL",
        "cart": "id int PRIMARY KEY, qty int NOT NULL, ver int NOT NULL",
        "lot": "id int PRIMARY KEY, code varchar(12) NOT NULL, state varchar(12) NOT NULL,"
        " weight numeric(6,2) NOT NULL, ver int NOT NULL, hist text NOT NULL, note text NOT NULL",
        "serial": "id int PRIMARY KEY, code varchar(12) NOT NULL, lot_code varchar(12) NOT NULL, grade int NOT NULL,"
        " ver int NOT NULL, note text NOT NULL",
    },
    "south": {
        "tx": "id int PRIMARY KEY",
        "shelf": "id int PRIMARY KEY, qty int NOT NULL, ver int NOT NULL",
        "cart": "id int PRIMARY KEY, qty int NOT NULL, ver int NOT NULL",
        "claim": "id int PRIMARY KEY, serial_code varchar(12) NOT NULL, units int NOT NULL, ver int NOT NULL",
    },
}


def make_tables(side: Side) -> None:
    """Create the tables and fill them as they are before anybody looks."""
    side.run(*(f"CREATE TABLE {table} ({columns})" for table, columns in TABLES[side.name].items()))
    stock = ", ".join(f"({place}, {STOCK}, 0)" for place in range(PLACES))
    side.run(f"INSERT INTO shelf VALUES {stock}", f"INSERT INTO cart VALUES {stock}")
    if side.kind == "postgresql":
        side.run(
            "ALTER TABLE lot ALTER note SET STORAGE EXTERNAL",
            f"CREATE PUBLICATION cdc FOR TABLE {', '.join(TABLES[side.name])}",
        )
    side.run(f"INSERT INTO tx SELECT -n FROM {side.numbers(BALLAST)}")


def lose_ballast(side: Side, rest: int) -> None:
    """Delete some of the rows that a snapshot may have read; again where MariaDB takes it back for a deadlock."""
    while True:
        try:
            side.run(f"DELETE FROM tx WHERE id < 0 AND id % 50 = {-rest}")
        except pymysql.OperationalError as error:
            if error.args[0] != ER.LOCK_DEADLOCK:
                raise
        else:
            return


@contextmanager
def at_work(*sides: Side, seed: int = 1) -> Iterator[None]:
    """Let the applications of these sources work, each in a thread; a server that is away is asked again."""
    enough, failed = threading.Event(), list[BaseException]()
    threads = [threading.Thread(target=_Application(side, seed, enough, failed).run) for side in sides]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert not failed, failed


class _Application:
    def __init__(self, side: Side, seed: int, enough: threading.Event, failed: list[BaseException]) -> None:
        self._side, self._enough, self._failed = side, enough, failed
        self._random = random.Random(f"{side.name} {seed}")
        ((self._number,),) = side.rows("(SELECT coalesce(max(id), 0) FROM tx WHERE id > 0) t")

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                with self._side.connection(autocommit=False) as connection:
                    self._work(connection)
            except (psycopg.OperationalError, pymysql.OperationalError, pymysql.InterfaceError):
                self._enough.wait(0.2)  # the server is away
            except Exception as error:  # noqa: BLE001 - told by the test
                self._failed.append(error)
                return

    def _work(self, connection: Any) -> None:
        while not self._enough.wait(_PAUSE_S):
            self._number += 1
            with connection.cursor() as cursor:
                try:
                    cursor.execute(f"INSERT INTO tx VALUES ({self._number})")
                    for _ in range(self._random.randint(1, 4)):
                        for statement in self._random.choice(self._actions())():
                            cursor.execute(statement)
                    connection.commit()
                except (psycopg.IntegrityError, pymysql.IntegrityError):
                    connection.rollback()  # a key is taken: nothing of this happened

    def _actions(self) -> list[Any]:
        if self._side.name == "north":
            return [self._transfer, self._lot, self._lot, self._serial, self._serial, self._move, self._delete]
        return [self._transfer, self._claim, self._claim, self._move, self._delete]

    def _transfer(self) -> list[str]:
        amount = self._random.randint(1, 9)
        return [
            f"UPDATE shelf SET qty = qty - {amount}, ver = ver + 1 WHERE id = {self._random.randrange(PLACES)}",
            f"UPDATE cart SET qty = qty + {amount}, ver = ver + 1 WHERE id = {self._random.randrange(PLACES)}",
        ]

    def _lot(self) -> list[str]:
        key = self._random.choice(_KEYS)
        if self._random.random() < 0.5:
            return [f"UPDATE lot SET state = '{self._random.choice(('OPEN', 'HOLD'))}', ver = ver + 1 WHERE id = {key}"]
        values = f"{key}, '{self._code('L')}', 'OPEN', {self._random.randint(0, 99)}.5, 1, 'h'"
        return [
            f"DELETE FROM lot WHERE id = {key}",
            f"INSERT INTO lot VALUES ({values}, repeat(md5(random()::text), 90))",
        ]

    def _serial(self) -> list[str]:
        key = self._random.choice(_KEYS)
        return [
            f"DELETE FROM serial WHERE id = {key}",
            f"INSERT INTO serial VALUES ({key}, '{self._code('S')}', '{self._code('L')}', {key % 5}, 1, 'n')",
        ]

    def _claim(self) -> list[str]:
        key = self._random.choice(_KEYS)
        return [
            f"DELETE FROM claim WHERE id = {key}",
            f"INSERT INTO claim VALUES ({key}, '{self._code('S')}', {self._random.randint(0, 99)}, 1)",
        ]

    def _move(self) -> list[str]:
        old, new = self._random.sample(_KEYS, 2)
        return [f"UPDATE {self._table()} SET id = {new}, ver = ver + 1 WHERE id = {old}"]

    def _delete(self) -> list[str]:
        return [f"DELETE FROM {self._table()} WHERE id = {self._random.choice(_KEYS)}"]

    def _table(self) -> str:
        return self._random.choice(("lot", "serial")) if self._side.name == "north" else "claim"

    def _code(self, letter: str) -> str:
        return f"{letter}{self._random.randint(1, 70)}"
