"""A process that is a box and nothing else: it inspects a few pictures, and says what memory and energy that took."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge.bundle.open import open_bundle
from edge.cameras.named_files import NamedFiles
from edge.errors import EdgeError
from edge.inspection.open import open_inspectors
from edge.machine.energy import EnergyCount, meters_of
from edge.machine.memory import peak_resident_mb
from export.chapters.spending import Request, Spent
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import DONE, FAILED

BYTES_PER_MB, BYTES_PER_MIB = 1e6, 2**20


def spent(request: Request, root: Path = Path("/")) -> Spent:
    """Inspect the pictures and count.

    Raises:
        ConfigError, EdgeError: the bundle or its models cannot be opened.
    """
    bundle = open_bundle(request.bundle, trusted={identity: bytes.fromhex(public) for identity, public in request.trusted.items()})
    (inspector,) = open_inspectors(bundle, [request.station], board=request.board)
    first, *rest = request.pictures
    camera, others = (
        NamedFiles(paths, station=request.station.station.name, picture=request.station.picture) for paths in ([first], rest or [first])
    )
    for capture in camera.frames():
        inspector.inspect(capture)
    with EnergyCount(meters_of(root)) as count:
        for capture in others.frames():
            inspector.inspect(capture)
    peak_mb, joules = peak_resident_mb(root) or 0.0, count.energy.joules
    return Spent(peak_mib=peak_mb * BYTES_PER_MB / BYTES_PER_MIB, joules=None if joules is None else joules / (len(rest) or 1))


def main() -> int:
    """Read the request from stdin, print the answer on stdout."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what native libraries print is no answer
    try:
        with answers:
            print(spent(Request.model_validate_json(sys.stdin.read())).model_dump_json(), file=answers)
    except (ConfigError, EdgeError) as err:
        print(err, file=sys.stderr)
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
