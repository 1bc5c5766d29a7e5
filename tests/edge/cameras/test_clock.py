from __future__ import annotations

import errno
from datetime import datetime, timezone
from pathlib import Path

import pytest

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.clock import is_clock_synchronised, kernel_clock_state
from edge.examination.examine import clock_findings
from edge.examination.finding import Level
from edge.records import Reason
from tests.support.picture_files import gradient


def forbidden() -> int:
    raise OSError(errno.EPERM, "as under ProtectClock=yes")


@pytest.mark.parametrize(("state", "synchronised"), [(0, True), (1, True), (4, True), (5, False)])
def test_the_kernel_says_whether_the_clock_is_synchronised(tmp_path: Path, state: int, *, synchronised: bool) -> None:
    assert is_clock_synchronised(kernel=lambda: state, timesyncd=tmp_path) is synchronised


def test_where_the_kernel_must_not_be_asked_the_time_service_tells(tmp_path: Path) -> None:
    assert is_clock_synchronised(kernel=forbidden, timesyncd=tmp_path / "none") is None
    assert is_clock_synchronised(kernel=forbidden, timesyncd=tmp_path) is False
    (tmp_path / "synchronized").touch()
    assert is_clock_synchronised(kernel=forbidden, timesyncd=tmp_path) is True


def test_this_kernel_answers() -> None:
    try:
        assert kernel_clock_state() in range(6)
    except PermissionError:
        pytest.skip("this sandbox forbids adjtimex")


@pytest.mark.parametrize("synchronised", [True, False, None])
def test_every_capture_says_what_its_time_is_worth(*, synchronised: bool | None) -> None:
    captures = CaptureFactory("cell-01", now=lambda: datetime(1970, 1, 1, tzinfo=timezone.utc), is_synchronised=lambda: synchronised)

    assert captures.frame(gradient(), source="a.png", started_ns=0).clock_synchronised is synchronised
    assert captures.lost(Reason.EMPTY, "nothing.", source="a.png").clock_synchronised is synchronised


def test_doctor_warns_of_a_clock_that_follows_no_other_one() -> None:
    (finding,) = clock_findings(is_synchronised=False)
    assert (finding.part, finding.level, finding.healthy) == ("clock", Level.WARN, True)
    assert "not synchronised" in finding.detail
    assert not clock_findings(is_synchronised=True)
    assert not clock_findings(is_synchronised=None)
