"""A network that fails on order: a TCP proxy between a worker and its target or broker.

It can hold everything back, cut connections with a reset (on both sides, or on the client's only, so that the server
keeps its half), take its time and cut the bytes into small pieces. Of PostgreSQL's protocol it knows one message, the
answer to COMMIT: what happens when that is lost is the oldest question about exactly once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

# CommandComplete, its length, its tag: https://www.postgresql.org/docs/15/protocol-message-formats.html
_COMMITTED: Final = b"C\x00\x00\x00\x0bCOMMIT\x00"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_CHUNK: Final = 65536


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tail: bytes = b""


class Proxy:
    """Listens on `port` of the loopback address while it is entered. Its methods may be called from any thread."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._connections: set[_Connection] = set()
        self._halves: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._latency_s, self._piece = 0.0, _CHUNK
        self._answer, self._answers = _COMMITTED, 0
        self._at_answer: Callable[[], None] | None = None
        self.port = 0

    def __enter__(self) -> Proxy:
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hold(self) -> None:
        """Let nothing pass from now on; connections stay open."""
        self._call(self._set_open(open_=False))

    def release(self) -> None:
        """Let everything pass again, what was held first."""
        self._call(self._set_open(open_=True))

    def cut(self, *, server_too: bool = True) -> int:
        """Reset all connections, as seen by the client; the server hears of it only if it shall. Returns how many."""
        return self._call(self._cut(server_too=server_too))

    def be_slow(self, latency_s: float, piece: int) -> None:
        """Pass on `piece` bytes at a time, each after a while."""
        self._latency_s, self._piece = latency_s, piece

    def lose_commit(self, number: int = 1, act: Callable[[], None] = lambda: None) -> None:
        """Lose the answer to the next COMMIT but `number - 1`, and with it the connection; `act` is done before."""
        self._answer, self._answers, self._at_answer = _COMMITTED, number, act

    def lose_answer(self, holding: bytes) -> None:
        """Lose the next answer that has these bytes in it, and with it the connection."""
        self._answer, self._answers, self._at_answer = holding, 1, lambda: None

    @property
    def has_lost_answer(self) -> bool:
        """Whether that has happened."""
        return self._at_answer is None

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        await self._cut(server_too=True)
        for half in self._halves:
            _reset(half)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _set_open(self, *, open_: bool) -> None:
        (self._open.set if open_ else self._open.clear)()

    async def _cut(self, *, server_too: bool) -> int:
        connections = list(self._connections)
        for connection in connections:
            _reset(connection.client)
            if server_too:
                _reset(connection.server)
            else:
                self._halves.append(connection.server)
            self._connections.discard(connection)
        return len(connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.close()
            return
        connection = _Connection(writer, to_server)
        self._connections.add(connection)
        for source, sink, answers in ((reader, to_server, False), (from_server, writer, True)):
            task = self._loop.create_task(self._pump(connection, source, sink, answers=answers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        try:
            while data := await source.read(_CHUNK):
                await self._open.wait()
                if connection not in self._connections:
                    return
                if answers and self._loses(connection, data):
                    _reset(connection.client)
                    connection.server.close()
                    self._connections.discard(connection)
                    return
                await self._pass(sink, data)
            sink.close()
        except OSError:
            if connection in self._connections:
                _reset(connection.client)
                connection.server.close()
        finally:
            if answers:
                self._connections.discard(connection)

    async def _pass(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        for start in range(0, len(data), self._piece):
            if self._latency_s:
                await asyncio.sleep(self._latency_s)
            sink.write(data[start : start + self._piece])
            await sink.drain()

    def _loses(self, connection: _Connection, data: bytes) -> bool:
        """Count the answers in question, one cut in two by the network as well; tell whether this is to be lost."""
        seen = connection.tail + data
        connection.tail = seen[-len(self._answer) + 1 :]
        if self._at_answer is None or self._answer not in seen:
            return False
        self._answers -= seen.count(self._answer)
        if self._answers > 0:
            return False
        act, self._at_answer = self._at_answer, None
        act()
        return True

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def _reset(writer: asyncio.StreamWriter) -> None:
    found = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
