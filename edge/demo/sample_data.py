"""Sample data in packages from the registry: found without importing them, so that none of their code runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from edge.errors import EdgeError


def data_folder(package: str, *, of: str) -> Path:
    """The folder `data` of an import package; `of` says what is in it, and in which distribution, for the message.

    Raises:
        EdgeError: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        msg = f"{of}, which is not installed: pip install 'kotoba-edge[demo]'"
        raise EdgeError(msg)
    return Path(spec.origin).with_name("data")
