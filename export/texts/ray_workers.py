"""Describing on a Ray cluster: actors that load the models once each, and a driver that hands out shards.

An actor has one thread on one CPU, and one CPU of the cluster stays free: with every CPU taken, Ray itself starves. An actor that dies is
started again by Ray and its shard is tried again; since the driver alone writes, and a shard once, a second try changes nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from export.errors import BuildError, reason_of
from export.texts.describe import Batches
from export.texts.describer import Recipe, TextDescriber, Used
from export.texts.errors import TextsError
from export.texts.pace import Pace
from export.texts.picture import Picture
from export.texts.row import Row

LOCAL = "local"
QUEUED = 2
"""Shards in the hands of an actor, one in work and one waiting, so that it never idles: this bounds what lies in memory."""
RETRIES = 3
"""Tries of a shard after the first: a picture that kills the process must not kill it for ever."""
CONNECT_S, MAX_PORT = 5.0, 65_535
OBJECT_STORE_BYTES = 128 << 20
"""Of a local cluster; rows are small and do not stay."""


class _Actor:
    """Describes shards in a process of Ray's."""

    def __init__(self, recipe: Recipe) -> None:
        self._describer = TextDescriber(recipe)

    def used(self) -> Used:
        """What it describes with."""
        return self._describer.used

    def describe(self, pictures: Sequence[Picture]) -> list[Row]:
        """The rows of a shard."""
        return list(self._describer.rows(pictures))


class RayWorkers:
    """Actors on a cluster: `address` is `local` for one on this machine, else that of a running cluster whose nodes see the same paths."""

    def __init__(self, recipe: Recipe, *, address: str, used: Used) -> None:
        here = Path.cwd()  # a process of Ray's has another one
        station = None if recipe.station is None else here / recipe.station
        board = str(here / recipe.board) if recipe.board.endswith(".toml") else recipe.board
        self._recipe = replace(recipe, bundle=here / recipe.bundle, keys=here / recipe.keys, station=station, board=board, threads=1)
        self._address = address
        self._used = used

    def describe(self, shards: Batches, described: Pace) -> Iterator[tuple[int, Sequence[Row]]]:
        """See `export.texts.describe.Workers`."""
        ray = _started(self._address)
        try:
            yield from self._shards(ray, shards, described)
        except ray.exceptions.RayError as err:
            msg = (
                f"describing on the Ray cluster {self._address}: {_told(err)}: look at the workers' logs, then give the same command again"
            )
            raise BuildError(msg) from err
        finally:
            ray.shutdown()

    def _shards(self, ray: Any, shards: Batches, described: Pace) -> Iterator[tuple[int, Sequence[Row]]]:  # noqa: ANN401 -- untyped
        actors = self._actors(ray, len(shards))
        running: dict[Any, tuple[int, Any]] = {}
        waiting = iter(shards.items())
        for _ in range(QUEUED):
            for actor in actors:
                self._hand_out(actor, waiting, running)
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            number, actor = running.pop(done)
            try:
                rows = ray.get(done)
            except ray.exceptions.RayActorError as err:
                pictures = shards[number]
                what = f"the worker of {pictures[0].source} to {pictures[-1].source} ended {1 + RETRIES} times"
                msg = f"describing on the Ray cluster {self._address}: {what}: look at its memory and at these pictures"
                raise BuildError(msg) from err
            self._hand_out(actor, waiting, running)
            described.add(len(rows))
            yield number, rows

    @staticmethod
    def _hand_out(actor: Any, waiting: Iterator[tuple[int, Sequence[Picture]]], running: dict[Any, tuple[int, Any]]) -> None:  # noqa: ANN401
        number, pictures = next(waiting, (None, ()))
        if number is not None:
            here = Path.cwd()
            running[actor.describe.remote([replace(one, path=here / one.path) for one in pictures])] = number, actor

    def _actors(self, ray: Any, shards: int) -> list[Any]:  # noqa: ANN401
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if cpus < 2:
            what = f"it has {cpus} CPUs, one of which stays free"
            msg = f"describing on the Ray cluster {self._address}: {what}: give it more, or leave out --ray"
            raise TextsError(msg)
        kind = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=RETRIES, scheduling_strategy="SPREAD")(_Actor)
        actors = [kind.remote(self._recipe) for _ in range(min(cpus - 1, shards))]
        for used in ray.get([actor.used.remote() for actor in actors]):
            if used != self._used:
                what = "a node has another bundle, station or board"
                msg = f"describing on the Ray cluster {self._address}: {what}: give all nodes the same files"
                raise TextsError(msg)
        return actors


def _started(address: str) -> Any:  # noqa: ANN401
    try:
        import ray
    except ImportError as err:
        msg = "describing on a Ray cluster needs the package ray: install kotoba-edge[ray]"
        raise BuildError(msg) from err
    common = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    try:
        if address == LOCAL:
            cpus = max(2, len(os.sched_getaffinity(0)))
            ray.init(
                address=LOCAL,
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                **common,
            )
        else:
            _require_listener(address)
            ray.init(address=address, **common)
    except (ConnectionError, OSError, RuntimeError, ValueError) as err:
        msg = f"reaching the Ray cluster {address} failed ({reason_of(err)}): start it with `ray start --head`, or give `local`"
        raise BuildError(msg) from err
    return ray


def _require_listener(address: str) -> None:
    """Ray itself waits for minutes where nobody listens.

    Raises:
        OSError: nobody listens there.
        ValueError: it is no HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit() or int(port) > MAX_PORT:
        msg = "it is no HOST:PORT"
        raise ValueError(msg)
    with socket.create_connection((host, int(port)), timeout=CONNECT_S):
        pass


def _told(err: BaseException) -> str:
    """The sentence of what went wrong in a worker, without Ray's frames around it."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return reason_of(Exception(lines[-1])) if lines else type(err).__name__
