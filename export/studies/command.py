"""The command line of a study that keeps its work in a folder and writes a page: `python -m export.studies.NAME WORK --out FILE.md`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from edge.errors import EdgeError
from export.errors import ExportError
from export.teach.heap import keep_freed_memory
from firmware_config.errors import ConfigError
from firmware_config.exit_codes import DONE, FAILED
from firmware_config.write import write_atomic


def study_parser(name: str, description: str, *, keeps: str) -> argparse.ArgumentParser:
    """The parser of `export.studies.NAME` with its two options; `keeps` says what lies in the folder."""
    parser = argparse.ArgumentParser(prog=f"python -m export.studies.{name}", description=description)
    parser.add_argument("work", type=Path, metavar="WORK", help=f"The folder that keeps {keeps}.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="The page.")
    return parser


def write_page(parser: argparse.ArgumentParser, options: argparse.Namespace, make: Callable[[str], str | None]) -> int:
    """Make the folder and the page and write it; returns the exit code.

    `make` takes the command that makes the page, without what a study adds to the two options, and returns the page, or None for no page.
    """
    logging.basicConfig(level=logging.WARNING)  # before onnxruntime's quantizer, which would make every library log at INFO
    keep_freed_memory()
    try:
        options.work.mkdir(parents=True, exist_ok=True)
        text = make(f"{parser.prog} {options.work} --out {options.out}")
        if text is not None:
            write_atomic(options.out, text.encode())
            print(options.out)
    except (ExportError, EdgeError, ConfigError, OSError) as err:
        print(f"{parser.prog}: {err}", file=sys.stderr)
        return FAILED
    return DONE
