"""Where things lie in the repository. Only a test of the starter bundle names STARTER: `make quick` leaves those tests out."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
"""Texts that a test compares byte for byte."""

WIRE = ROOT / "firmware_config/wire"
"""What consumers read, made from the types."""

STARTER = ROOT / ".kotoba/starter"
KEYS = ROOT / ".kotoba/keys"
"""The bundle that the Makefile builds, and the key that signed it. The demo finds that of textile by itself."""

STARTER_SOURCES = ROOT / "export/starter"
STARTER_PICTURES = STARTER_SOURCES / "weights/golden"
