"""Teaches a small product with tiny effort, with a language model of two layers.

Run it with `python -m tests.support.tiny_teaching FOLDER [--cache DIR]`.

Like `kotoba-export teach`, it reports on stderr and turns errors into one sentence.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from export.commands.options import Progress
from export.errors import ExportError
from export.teach.estimate import Effort
from export.teach.plan import Plan, check
from export.teach.run import run
from export.teach.spec import read_teach_spec
from firmware_config.board import read_board
from firmware_config.exit_codes import DONE, FAILED
from tests.support.teaching import SPEC, write_teaching
from tests.support.tiny_llama import write_llama

LLM = '\n[llm]\npath = "model.gguf"\n'
EFFORT = Effort(painted=48, steps=8, batch=8, words=300, captions=40, described=32, tunings=2)


def write_tiny_teaching(folder: Path, *, more: str = "") -> Path:
    """Write the specification with `more` of it, its product, pictures and language model; returns the path of the specification."""
    path = write_teaching(folder, spec=SPEC + LLM + more)
    write_llama(folder / "model.gguf")
    return path


def tiny_plan(folder: Path) -> Plan:
    """The plan of the specification that this wrote."""
    (path,) = folder.glob("*.toml")
    spec, product = read_teach_spec(path)
    return replace(check(spec, product, near=folder, report=lambda _: None), effort=EFFORT)


def main() -> int:
    """Teach into FOLDER/out/NAME and FOLDER/weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    folder: Path = options.folder
    try:
        with Progress() as report:
            cache = options.cache or folder / "cache"
            plan, key = tiny_plan(folder), folder / "keys/builder.key"
            out, weights = folder / "out" / plan.spec.name, folder / "weights"
            run(plan, out=out, key=key, cache=cache, board=read_board("cpu"), report=report, weights=weights)
    except ExportError as err:
        sys.stderr.write(f"kotoba-export: {err}\n")
        return FAILED
    return DONE


if __name__ == "__main__":
    sys.exit(main())
