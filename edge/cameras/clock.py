"""Whether the wall clock is synchronised: of a picture from a box without a battery clock, that says what its time is worth."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from pathlib import Path

TIMESYNCD = Path("/run/systemd/timesync")
"""systemd-timesyncd touches the file `synchronized` in it, the first time after each start of the box that it has set the clock."""

_TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised (linux/timex.h). chrony, ntpd, PTP and timesyncd all tell the kernel."""

_TIMEX_BYTES = 512
"""More than `struct timex` has on any machine (208 on 64 bits). All zeros it asks and changes nothing."""


def kernel_clock_state() -> int:
    """What adjtimex(2) returns when it only asks, about 1 microsecond.

    Raises:
        OSError: this process may not ask, as under systemd's ProtectClock=.
    """
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if state < 0:
        number = ctypes.get_errno()
        raise OSError(number, errno.errorcode.get(number, "unknown"))
    return state


def is_clock_synchronised(*, kernel: Callable[[], int] = kernel_clock_state, timesyncd: Path = TIMESYNCD) -> bool | None:
    """Whether the wall clock was set from another one and follows it. None where nobody says.

    The kernel is asked. Where a sandbox forbids that, the file of systemd-timesyncd tells; with another time service it is then not known.
    """
    try:
        return kernel() != _TIME_ERROR
    except (OSError, AttributeError):  # AttributeError: a C library without adjtimex
        return (timesyncd / "synchronized").exists() if timesyncd.is_dir() else None
