"""From a typed box to the files that its system reads, as text. Only commands come in; nothing here reads or writes the machine."""

from __future__ import annotations

from firmware_config.system_files.render import render_files

__all__ = ["render_files"]
