"""Environment variables that libraries read when they are first imported: set here, before any of them."""

from __future__ import annotations

import os

MAX_DECODED_PIXELS = 268_435_456
"""A last limit for picture formats whose header is not read beforehand: an 854 KB PNG of 30000x30000 took 5.2 GB."""

SILENCE = {
    # onnxruntime 1.32.0 looks up a host of its maker some seconds after the first session is opened, and keeps what it wants to upload in
    # the user's cache; with a name server that is silent a process then ends half a minute late.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""No library calls home, whatever the environment says: a box speaks to its broker only."""

ENVIRONMENT = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_DECODED_PIXELS),
    # OpenBLAS's idle threads spin for a while after each small product of the preprocessing, on the cores that the language model
    # needs: with them a judgement took 205 ms on two cores, without them 131 ms.
    "OPENBLAS_NUM_THREADS": "1",
}

os.environ.update(SILENCE)
for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
