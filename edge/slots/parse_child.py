"""Run as `python -m edge.slots.parse_child`: every native parser reads its files of a bundle once, in a process that may die of it.

The digests were checked before, and are checked again here. It says on stdout which file it reads, one JSON object a line, so that the
parent knows of which one it died.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from edge.bundle.open import Bundle, digest_of
from edge.errors import EdgeError
from firmware_config.board import Board
from firmware_config.bundle import MANIFEST_NAME, MAX_MANIFEST_BYTES, parse_manifest
from firmware_config.errors import ConfigError
from firmware_config.signed_bundle import read_whole
from firmware_config.strict_json import parse_json

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
MAX_SAID_BYTES = 8 << 20
"""Of stdout, which is a file in memory: 10,000 files with names of 200 bytes are 2 MB."""

BOARD = Board(name="parsing", providers=("cpu",), threads=1)
"""Only whether the parsers survive is asked here, so one thread and no GPU: what runs on the box's own board is the matter of the trial."""


def limit(memory_bytes: int, cpu_s: int, largest_bytes: int) -> None:
    """Take away from this process what parsing does not need."""
    for number in (PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG):
        ctypes.CDLL(None).prctl(number, 1 if number == PR_SET_NO_NEW_PRIVS else signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    # Mappings of libraries, and the files themselves in memory, count here as well.
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes + 3 * largest_bytes + (4 << 30),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes + MAX_SAID_BYTES,) * 2)


def step_back() -> None:
    """Let the daemon have the processors first, and the memory: if that runs out, it is this process that the kernel ends."""
    os.nice(19)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def load_parsers() -> None:
    """Load the native libraries: later this process may not be allowed to read them."""
    import edge.describers.tokenizer
    import edge.judges.language_model
    import edge.picture.decode
    import edge.runtime.onnx  # noqa: F401


def drop_root(root: Path) -> None:
    """Become the owner of the bundle's folder, which is the user of the daemon."""
    owner = root.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def parse_all(bundle: Bundle, say: Callable[[str], None]) -> None:
    """Let every parser read its files.

    Raises:
        EdgeError, ConfigError: a file cannot be read.
        Exception: what else a parser raises.
    """
    manifest = bundle.manifest
    tokenizers = {use.path for use in manifest.file_uses() if use.key.endswith(".tokenizer")}
    _parse_language_model(bundle, say)
    for file in manifest.files:
        say(file.path)
        suffix = Path(file.path).suffix
        if suffix == ".onnx":
            from edge.runtime.onnx import open_session

            open_session(bundle.file(file.path), BOARD)
        elif file.path in tokenizers:
            from edge.describers.tokenizer import read_tokenizer

            read_tokenizer(bundle, file.path)
        elif suffix == ".npy":
            import numpy as np

            np.load(io.BytesIO(_content(bundle, file.path)), allow_pickle=False)
        elif suffix == ".json":
            parse_json(_content(bundle, file.path))
    for golden in manifest.golden:
        say(golden.picture)
        _decode(bundle, golden.picture)


def _parse_language_model(bundle: Bundle, say: Callable[[str], None]) -> None:
    import llama_cpp

    from edge.errors import BundleError
    from edge.judges.language_model import load_gguf, model_parameters
    from firmware_config.verified_file import steady_path

    llm = bundle.manifest.llm
    say(llm.model)
    weights = load_gguf(bundle.file(llm.model), model_parameters(0))
    for name in llm.adapters.values():
        say(name)
        with steady_path(bundle.file(name)) as path:
            adapter = llama_cpp.llama_adapter_lora_init(weights.model, str(path).encode())
        if not adapter:
            msg = f"adapter {name} does not fit the language model {llm.model}: export it for this model"
            raise BundleError(msg)


def _decode(bundle: Bundle, name: str) -> None:
    from edge.picture.decode import decode_picture

    decode_picture(_content(bundle, name), name=name)


def _content(bundle: Bundle, name: str) -> bytes:
    from firmware_config.verified_file import content_of

    file = next(file for file in bundle.manifest.files if file.path == name)
    return content_of(bundle.file(name), limit=file.size)


def _peak_mb() -> int:
    """Not ru_maxrss, which begins with what the parent had."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")), 0)


def main(root: Path, digest: str, memory_bytes: int, cpu_s: int) -> int:
    """Parse; the last line is the resident memory that it took at most, or the sentence of the refusal."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)

    def say(**what: object) -> None:
        out.write(json.dumps(what) + "\n")

    try:
        raw = read_whole(root / MANIFEST_NAME, limit=MAX_MANIFEST_BYTES)
        if digest_of(raw) != digest:
            say(refused=f"{MANIFEST_NAME} was changed while it was checked: install the bundle again")
            return 1
        manifest = parse_manifest(raw)
        step_back()
        load_parsers()
        drop_root(root)
        limit(memory_bytes, cpu_s, max(file.size for file in manifest.files))
        parse_all(Bundle(root, manifest, digest), lambda name: say(reading=name))
    except (EdgeError, ConfigError) as err:
        say(refused=str(err))
    except MemoryError:
        say(refused=f"it needs more than {memory_bytes / 1e6:.0f} MB of memory: build it for a smaller box")
    except Exception as err:  # noqa: BLE001 -- the top of a process; a parser raises what it likes
        say(refused=f"{type(err).__name__} ({str(err)[:200]}): build the bundle again")
    else:
        say(peak_mb=_peak_mb())
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
