from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.describers.decoding.decoder import largest


@given(st.lists(st.sampled_from([-np.inf, -2.5, -1.0, -1e-12, 0.0, 3.0]) | st.floats(-9, 9), min_size=1, max_size=60), st.integers(1, 70))
def test_the_largest_are_the_first_of_a_stable_sort(values: list[float], count: int) -> None:
    row = np.array(values)
    assert largest(row, count).tolist() == np.argsort(-row, kind="stable")[:count].tolist()
