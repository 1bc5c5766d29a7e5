"""A language model that an installed package carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from export.errors import LlmError


def packaged_model(package: str) -> Path:
    """The path of the GGUF file inside an installed package, which is not imported.

    Raises:
        LlmError: the package is not installed, or does not hold exactly one GGUF file.
    """
    spec = find_spec(package.replace("-", "_"))
    folders = list(spec.submodule_search_locations or []) if spec else []
    models = sorted(path for folder in folders for path in Path(folder).glob("*.gguf"))
    if len(models) != 1:
        what = f"holds {len(models)} GGUF files, expected one" if folders else "is not installed"
        msg = f"package {package!r} {what}: install it with the extra [demo]"
        raise LlmError(msg)
    return models[0]
