"""The version of Kotoba Edge that is installed."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "kotoba-edge"


def installed_version() -> str:
    """Give the version, as `pip` knows it; "unknown" where the code runs without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown (not installed)"


def add_version_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option `--version`."""
    parser.add_argument("--version", action="version", version=f"%(prog)s {installed_version()}", help="print the version and exit")
