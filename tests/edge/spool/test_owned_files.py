"""What root makes in the folder of the service is the service's, and no link in it leads root out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge.errors import SpoolError
from edge.spool.copy import copy_spool, nobody_looks
from edge.spool.holder import held_alone
from edge.spool.store import Spool
from firmware_config.owned_file import open_owned

NOBODY = 65_534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file for another user")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that belongs to another user, as /var/lib/kotoba does."""
    place = tmp_path / "state"
    place.mkdir()
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    return place


@as_root
def test_a_new_file_belongs_to_the_owner_of_its_folder_and_an_old_one_stays_as_it_is(folder: Path) -> None:
    path = folder / "file"
    os.close(open_owned(path, os.O_RDWR, mode=0o640))
    assert (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o777) == (NOBODY, NOBODY, 0o640)
    os.chown(path, 0, 0)
    os.close(open_owned(path, os.O_RDWR))
    assert path.stat().st_uid == 0


@as_root
def test_whoever_makes_a_spool_the_service_can_open_all_of_it(folder: Path) -> None:
    spool = folder / "spool.sqlite"
    with held_alone(spool), closing(Spool(spool)), nobody_looks_not(spool):
        pass
    assert {path.name: path.stat().st_uid for path in folder.iterdir() if path.stat().st_uid != NOBODY} == {}
    assert (folder / "spool.sqlite.lock").exists()


@contextmanager
def nobody_looks_not(spool: Path) -> Iterator[None]:
    """The spool is in use: who would replace it is refused."""
    with pytest.raises(SpoolError, match="another command has the spool"), nobody_looks(spool):
        pass
    yield


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    place = tmp_path / "shadow"
    place.write_text("a secret of root's")
    return place


def held(spool: Path) -> None:
    with held_alone(spool):
        pass


def looked_at(spool: Path) -> None:
    with nobody_looks(spool):
        pass


@pytest.mark.parametrize(
    ("name", "opens"),
    [
        ("spool.sqlite.lock", looked_at),
        ("spool.sqlite.lock", lambda spool: copy_spool(spool, spool.with_name("copy"))),
        ("spool.sqlite.lock", lambda spool: Spool(spool).close()),
        ("spool.sqlite.daemon", held),
    ],
)
def test_a_link_in_the_folder_of_the_service_leads_root_nowhere(
    folder: Path, elsewhere: Path, name: str, opens: Callable[[Path], None]
) -> None:
    before = elsewhere.stat()
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(SpoolError):
        opens(folder / "spool.sqlite")
    assert (elsewhere.stat().st_uid, elsewhere.read_text()) == (before.st_uid, "a secret of root's")
