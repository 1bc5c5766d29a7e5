"""What a whole box is told to be: the file box.toml, typed. Every command of `kotoba-config` may come in; it knows no system file."""

from __future__ import annotations

from firmware_config.box.box import Box, parse_box, read_box

__all__ = ["Box", "parse_box", "read_box"]
