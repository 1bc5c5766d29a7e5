"""Pictures: decoding, the gate, the region of interest, what a vision tower takes.

OpenCV takes the limit below when it is first imported, whoever imports it: so it stands here, before every module of this package.
"""

from __future__ import annotations

import os

HARD_MAX_PIXELS = 268_435_456
"""A safety net for the formats whose header `decode.header_size` does not read (an 854 KB PNG of 30000x30000 took 5.2 GB)."""

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(HARD_MAX_PIXELS))
