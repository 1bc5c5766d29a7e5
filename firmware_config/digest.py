"""Digests of settings: the same values give the same digest, whatever file they came from."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_of_values(values: Any) -> str:  # noqa: ANN401 -- any JSON value
    """`sha256:` of JSON values in canonical form: keys sorted, no white space, UTF-8."""
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
