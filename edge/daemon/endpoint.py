"""The box's small web page for machines: /metrics for Prometheus, /healthz and /readyz for whoever watches the box."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, TypeAlias
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from edge.daemon.health import Health

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

MAX_CALLERS = 16
"""At once. A box has some hundred file descriptors: who opens connections without end must not take those of the spool and the cameras."""


def serve(host: str, port: int, *, registry: CollectorRegistry, health: Health) -> tuple[int, Callable[[], None]]:
    """Serve the figures and the health; returns the port and what stops it.

    Raises:
        OSError: the address cannot be had.
    """
    metrics = make_wsgi_app(registry)
    looks = {"/healthz": health.troubles_of_life, "/readyz": health.troubles}

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        look = looks.get(str(environ.get("PATH_INFO")))
        if look is None:
            page: Iterable[bytes] = metrics(environ, start_response)
            return page
        troubles = look()
        body = json.dumps({"ok": not troubles, "troubles": list(troubles)}, ensure_ascii=False).encode() + b"\n"
        headers = [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response("503 Service Unavailable" if troubles else "200 OK", headers)
        return [body]

    (family, *_), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    server = make_server(host, port, answer, _Ipv6Server if family == socket.AF_INET6 else _Server, handler_class=_Handler)
    thread = Thread(target=server.serve_forever, name="endpoint", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop


_Request: TypeAlias = "socket.socket | tuple[bytes, socket.socket]"
_Address: TypeAlias = "tuple[str, int]"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each caller: one that does not read must not keep the others waiting. Too many are sent away at once."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self._places = BoundedSemaphore(MAX_CALLERS)
        super().__init__(address, handler)

    def process_request(self, request: _Request, client_address: _Address) -> None:
        """Let a thread answer, if there is a place for it."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread has begun
            self._places.release()
            raise

    def process_request_thread(self, request: _Request, client_address: _Address) -> None:
        """Answer, in a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class _Ipv6Server(_Server):
    """The same at an IPv6 address."""

    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    """Says nothing of each request."""

    timeout = 10.0
    """Seconds after which a caller that sends nothing is let go."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the signature of the standard library
        """Leave it out."""
