"""`FILE COMMAND...`: runs a daemon; once it runs, the station file is spoilt and the daemon told to reload. It ends as the daemon does.

Its output is a file, as tests/support/harmed_boxes.py starts it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    station, log = Path(sys.argv[1]), Path("/proc/self/fd/1").resolve()
    daemon = subprocess.Popen(sys.argv[2:])
    signal.signal(signal.SIGTERM, lambda _number, _frame: daemon.terminate())
    while "running stations=" not in log.read_text() and daemon.poll() is None:
        time.sleep(0.05)
    station.write_text(station.read_text().replace("min_confidence", "min_confidense"))
    daemon.send_signal(signal.SIGHUP)
    return daemon.wait()


if __name__ == "__main__":
    sys.exit(main())
