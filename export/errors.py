"""The errors of the toolchain, one root.

ExportError
├── SpecError      a bundle specification that is wrong, or names something that is not there
├── LlmError       a language model that could not be made ready (export/models/llm/gguf_file.py)
└── BuildError     a bundle that could not be made or does not do what it promises
"""

from __future__ import annotations


class ExportError(Exception):
    """Root: says in one sentence what was being done, with which value, and what to do."""


class SpecError(ExportError):
    """A bundle specification that is wrong, or names something that is not there."""


class BuildError(ExportError):
    """A bundle that could not be made or does not do what it promises."""
