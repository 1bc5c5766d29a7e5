"""The daemon of Kotoba Edge."""

from __future__ import annotations

import os

# OpenBLAS reads this when NumPy is first imported. Its idle threads go on spinning for a while after each small product of the
# preprocessing, on the cores that the language model needs: with them a judgement took 205 ms on two cores, without them 131 ms.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
