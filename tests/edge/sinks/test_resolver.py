from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from edge.sinks.mqtt.resolver import Resolver


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A name server that is silent until this is set, and how often it was asked."""
    event, found = threading.Event(), socket.getaddrinfo

    def silent(*arguments: object, **_: object) -> object:
        asked.append(arguments)
        event.wait()
        return found("127.0.0.1", 1883, type=socket.SOCK_STREAM)

    asked.clear()
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield event
    event.set()


asked: list[object] = []


def test_a_silent_name_server_is_given_up_and_asked_once(answered: threading.Event) -> None:
    waits: list[None] = []
    resolver = Resolver("broker.plant", 1883)
    for _ in range(2):
        with pytest.raises(TimeoutError, match=r"no answer for broker\.plant within 1 s"):
            resolver.addresses(within_s=0.8, waiting=lambda: waits.append(None))
    answered.set()
    assert resolver.addresses(within_s=10.0, waiting=lambda: None) == [(socket.AF_INET, ("127.0.0.1", 1883))]
    assert len(waits) >= 4
    assert len(asked) == 1


def test_each_connection_looks_the_name_up_anew(answered: threading.Event) -> None:
    answered.set()
    resolver = Resolver("broker.plant", 1883)
    for _ in range(2):
        resolver.addresses(within_s=10.0, waiting=lambda: None)
    assert len(asked) == 2


@pytest.mark.parametrize("host", ["a..b", "x" * 64])
def test_what_is_no_host_name_is_said(host: str) -> None:
    resolver = Resolver(host, 1883)
    for _ in range(2):
        with pytest.raises(OSError, match="is no host name"):
            resolver.addresses(within_s=10.0, waiting=lambda: None)


def test_without_a_thread_it_is_tried_again(answered: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    answered.set()
    resolver = Resolver("broker.plant", 1883)
    with monkeypatch.context() as limit:
        limit.setattr(threading.Thread, "start", refused)
        with pytest.raises(OSError, match="can't start new thread"):
            resolver.addresses(within_s=10.0, waiting=lambda: None)
    assert resolver.addresses(within_s=10.0, waiting=lambda: None)


def test_a_name_that_is_not_there_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(socket.gaierror, match="not known"):
        Resolver("broker.plant", 1883).addresses(within_s=10.0, waiting=lambda: None)
