"""A proxy between a client and the S3 server that breaks requests as told, by the attempt's number.

It keeps the Host header, so that the server behind it still verifies the signatures.
"""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar

from tests.support.loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable

#: What is done to a request: None passes it on. "503 SlowDown" and the like are answered; "reset", "close"
#: and "hang" are done before the server hears of it, "lost" after it has done the work; "truncate" cuts
#: the answer's body in half, and "garbage" is what no HTTP server answers.
Fault = str | None


class FaultProxy(LoopbackServer):
    """Listens on ``endpoint``; ``rule(method, key, attempt)`` decides about each request.

    ``seen`` counts requests by (method, path); ``headers`` keeps the last request's headers by path.
    """

    def __init__(self, upstream_port: int, port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.upstream_port = upstream_port
        self.rule: Callable[[str, str, int], Fault] = lambda method, path, attempt: None
        self.seen: Counter[tuple[str, str]] = Counter()
        self.headers: dict[str, dict[str, str]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy
    status_lines: ClassVar[dict[str, int]] = {}

    def handle_any(self) -> None:
        path = self.path.partition("?")[0]
        with self.server.lock:
            self.server.seen[self.command, path] += 1
            attempt = self.server.seen[self.command, path]
            self.server.headers[path] = dict(self.headers.items())
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.rule(self.command, path, attempt)
        if fault == "reset":
            # Closing with unsent data to be dropped sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault == "hang":
            time.sleep(1.5)
        if fault == "garbage":
            self.wfile.write(b"\x00\x01 no status line\r\n\r\n")
        if fault in {"reset", "close", "hang", "garbage"}:
            self.close_connection = True
        elif fault in {None, "truncate", "lost"}:
            self.forward(body, fault)
        else:
            self.answer(*str(fault).split(" ", 1))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the names are http.server's

    def forward(self, body: bytes, fault: Fault) -> None:
        upstream = HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if fault == "lost":
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection"}:
                self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in answer.getheaders()}:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault == "truncate":
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    def answer(self, status: str, code: str) -> None:
        document = f"<Error><Code>{code}</Code><Message>Made by the test.</Message></Error>".encode()
        self.send_response_only(int(status))
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
