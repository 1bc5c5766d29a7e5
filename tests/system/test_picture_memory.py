"""A picture of 100 megapixels is decoded, with all checks, in less than 1.5 GB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.picture_files import defective_cells
from tests.support.repository import ROOT

SIDE = 10_000
MAX_PEAK_KIB = 1_500_000_000 // 1024

PROGRAM = """
import sys
from pathlib import Path
from edge.picture.decode import read_picture
from firmware_config.station import Picture

pixels = read_picture(Path(sys.argv[1]), max_pixels=10**8, max_bytes=10**9, picture=Picture(bit_depth=16))
assert pixels.shape == (10_000, 10_000, 3), pixels.shape
# Not ru_maxrss: Linux lets a child begin with that of its parent.
print(dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["VmHWM"].split()[0])
"""

WRITERS: dict[str, tuple[str, list[int]]] = {
    "JPEG": (".jpg", []),
    "progressive JPEG": (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "PNG": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
    "TIFF": (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
    "TIFF with LZW": (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 5]),
    "BMP": (".bmp", []),
}


CASES = [(kind, colours, 8) for kind in WRITERS for colours in (1, 3)] + [
    (kind, colours, 16) for kind in ("PNG", "TIFF") for colours in (1, 3)
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "colours", "bits"), CASES)
def test_100_megapixels_are_decoded_in_little_memory(tmp_path: Path, kind: str, colours: int, bits: int) -> None:
    suffix, options = WRITERS[kind]
    file = tmp_path / f"large{suffix}"
    pixels = np.repeat(cv2.resize(defective_cells(1)[0], (SIDE, SIDE))[:, :, None], colours, axis=2)
    cv2.imwrite(str(file), pixels if bits == 8 else pixels.astype(np.uint16) * 257, options)

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    file.unlink()

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MAX_PEAK_KIB
