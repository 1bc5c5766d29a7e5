"""The cache of build steps: an artefact is kept until code, libraries, inputs or settings change. For everything that makes artefacts."""

from __future__ import annotations

from export.cache.steps import Cache, Step, sha256

__all__ = ["Cache", "Step", "sha256"]
