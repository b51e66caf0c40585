from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from compose.demo.proxy import Proxy


@pytest.fixture
def upstream() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(30)
        yield server


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := connection.recv(size - len(data))):
        data += part
    return data


def test_bytes_go_both_ways_and_an_end_goes_on(upstream: socket.socket) -> None:
    sent = bytes(range(256)) * 4096
    with Proxy(upstream.getsockname()[1]) as proxy, closing(connect(proxy)) as client:
        server, _ = upstream.accept()
        with closing(server):
            writer = threading.Thread(target=client.sendall, args=(sent,))
            writer.start()
            assert read(server, len(sent)) == sent
            writer.join()
            server.sendall(b"answer")
            assert read(client, 6) == b"answer"
        assert client.recv(1) == b""


def test_a_reset_is_seen_as_one_on_both_sides_and_the_next_connection_works(upstream: socket.socket) -> None:
    with Proxy(upstream.getsockname()[1]) as proxy:
        with closing(connect(proxy)) as client:
            server, _ = upstream.accept()
            with closing(server):
                client.sendall(b"x")
                assert read(server, 1) == b"x"
                assert proxy.reset() == 1
                for side in (client, server):
                    with pytest.raises(ConnectionResetError):
                        side.recv(1)
        with closing(connect(proxy)) as client:
            server, _ = upstream.accept()
            with closing(server):
                client.sendall(b"y")
                assert read(server, 1) == b"y"
        assert proxy.reset() in {0, 1}


def test_nobody_upstream_is_an_end_at_once(upstream: socket.socket) -> None:
    port = upstream.getsockname()[1]
    upstream.close()
    with Proxy(port) as proxy, closing(connect(proxy)) as client, suppress(ConnectionResetError):
        assert client.recv(1) == b""
