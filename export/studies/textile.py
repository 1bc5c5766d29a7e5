"""Pictures of woven textile from the package conformal-clip-data (MIT, simulated), found without importing it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from export.studies.errors import StudyError


def textile_paths(kind: str = "*") -> tuple[Path, ...]:
    """The pictures of a kind, sorted: "nominal" (1,000), "local" or "global" (500 defective ones each), or all.

    Raises:
        StudyError: the package is not installed.
    """
    spec = importlib.util.find_spec("conformal_clip_data")
    if spec is None or spec.origin is None:
        msg = "the pictures of textile come from the package conformal-clip-data, which is not installed: pip install 'kotoba-edge[dev]'"
        raise StudyError(msg)
    return tuple(sorted((Path(spec.origin).with_name("data") / "textile_images/simulated").glob(f"{kind}/*.jpg")))
