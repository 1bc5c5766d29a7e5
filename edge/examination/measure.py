"""Measures what a box's models cost, in a process of its own: see `edge.examination.measuring_process`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from edge.errors import EdgeError
from edge.examination.measured import Failed, Measured, Request

PROCESS = (sys.executable, "-m", "edge.examination.measuring_process")

LOADING_S = 600.0
"""Most that loading may take on a processor; a large bundle on a slow disk takes some ten seconds, beside a busy daemon ten times that."""

COMPILING_S = 1_800.0
"""The same where TensorRT compiles each graph, the first time for minutes."""

LAST_WORDS = 300
"""Characters of stderr in the error of a process that ended early."""


def measure(request: Request, *, command: Sequence[str] = PROCESS) -> Measured:
    """Load the models of a box on a board, run pictures through them, and say what that cost.

    Raises:
        EdgeError: the models cannot be loaded on this board, or fail; or the process that measures ended early or took too long.
    """
    doing = f"measuring on board {request.board.name}"
    longest_s = request.seconds + (COMPILING_S if "tensorrt" in request.board.providers else LOADING_S)
    try:
        done = subprocess.run(command, input=request.model_dump_json(), capture_output=True, text=True, timeout=longest_s, check=False)
    except subprocess.TimeoutExpired as err:
        msg = f"{doing}: the models gave no answer within {longest_s:.0f} s: look at the load of the machine, or choose another board"
        raise EdgeError(msg) from err
    except OSError as err:
        msg = f"{doing}: {command[0]} cannot be started ({err.strerror}): install the program again"
        raise EdgeError(msg) from err
    answer = done.stdout.splitlines()[-1] if done.stdout else ""
    try:
        content = json.loads(answer)
        if isinstance(content, dict) and "failed" in content:
            raise EdgeError(Failed.model_validate_json(answer).failed)
        return Measured.model_validate_json(answer)
    except (ValidationError, ValueError) as err:
        msg = f"{doing}: the process that measures {_end(done.returncode)}: {_last_words(done.stderr)}"
        raise EdgeError(msg) from err


def _end(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed, as when memory is used up"
    return f"was ended by signal {-code}" if code < 0 else f"ended with {code} and no answer"


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = f"it said {lines[-1][-LAST_WORDS:]!r}" if lines else "it said nothing"
    return f"{said}; free memory, or choose another board"
