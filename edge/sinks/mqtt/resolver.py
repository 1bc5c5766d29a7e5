"""Looks up a name with a deadline: the C library waits for a silent name server as long as it likes, and nobody can stop it."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeAlias

SLICE_S = 0.5
"""Who waits says so about this often."""

Address: TypeAlias = "tuple[socket.AddressFamily, tuple[str, int]]"


class Resolver:
    """The addresses of one host and port. A look-up that is late goes on in its thread, and the next call waits for the same one."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._answer: queue.SimpleQueue[list[Address] | OSError] | None = None

    def addresses(self, *, within_s: float, waiting: Callable[[], None]) -> list[Address]:
        """Look them up; `waiting` is called while it lasts.

        Raises:
            OSError: there is no such name, or no answer within `within_s` seconds (TimeoutError).
        """
        if self._answer is None:
            self._answer = self._begin()
        until = time.monotonic() + within_s
        while True:
            try:
                answer = self._answer.get(timeout=max(0.0, min(SLICE_S, until - time.monotonic())))
            except queue.Empty:
                waiting()
                if time.monotonic() >= until:
                    msg = f"the name server gives no answer for {self._host} within {within_s:.0f} s"
                    raise TimeoutError(msg) from None
            else:
                self._answer = None
                if isinstance(answer, OSError):
                    raise answer
                return answer

    def _begin(self) -> queue.SimpleQueue[list[Address] | OSError]:
        answer: queue.SimpleQueue[list[Address] | OSError] = queue.SimpleQueue()
        try:
            # A daemon thread: a name server that is silent must not keep the process from ending.
            threading.Thread(target=self._look_up, args=(answer,), name="look-up", daemon=True).start()
        except RuntimeError as err:
            msg = f"{self._host} cannot be looked up ({err})"
            raise OSError(msg) from err
        return answer

    def _look_up(self, answer: queue.SimpleQueue[list[Address] | OSError]) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as err:
            answer.put(err)
        except UnicodeError as err:
            answer.put(OSError(f"{self._host} is no host name ({err})"))
        else:
            answer.put([(family, where) for family, _, _, _, where in found])  # type: ignore[misc]  # of TCP
