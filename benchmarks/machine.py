"""What a figure was measured on: processor, cards, versions, and the roof of a large matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime as ort
import torch

from edge.describers.session import PROVIDERS

FLAGS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")
"""What decides how fast int8 and bf16 are, as Linux names it on x86_64 and ARM."""

PACKAGES = ("torch", "transformers", "openvino", "nncf", "llama-cpp-python")
ROOF_SIDE = 2048


def told(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Processor with the flags that matter, threads, cards, and versions."""
    lines = cpuinfo.read_text(encoding="utf-8").split("\n\n", maxsplit=1)[0].splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    has, lacks = [flag for flag in FLAGS if flag in flags], [flag for flag in FLAGS if flag not in flags]
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    extra = [name for name, provider in PROVIDERS.items() if name != "cpu" and provider in ort.get_available_providers()]
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    return f"""processor: {facts.get("model name", "unknown")}, {torch.get_num_threads()} threads
  has {" ".join(has) or "nothing of what matters"}, lacks {" ".join(lacks) or "nothing"}
cards: {", ".join(cards) or "none"}
versions: onnxruntime {ort.__version__}{" with " + ", ".join(extra) if extra else ""}, {", ".join(versions)}"""


def measured_roof(device: str = "cpu") -> dict[str, float]:
    """GFLOP/s of a large matrix product by the best library at hand, for each type of number."""
    flop, found = 2 * ROOF_SIDE**3 / 1e9, {}
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16} if device == "cpu" else {"fp16": torch.float16}
    for name, dtype in kinds.items():
        a = torch.randn(ROOF_SIDE, ROOF_SIDE, device=device).to(dtype)
        found[name] = flop / min(seconds(lambda a=a: a @ a, device) for _ in range(8))
    if device == "cpu":
        eight = torch.randint(-127, 127, (ROOF_SIDE, ROOF_SIDE)).to(torch.int8)
        found["int8"] = flop / min(seconds(lambda: torch._int_mm(eight, eight)) for _ in range(8))  # noqa: SLF001 -- its only int8 product
    return found


def seconds(way: Callable[[], object], device: str = "cpu") -> float:
    """How long a call takes, the card's own work included."""
    started = time.perf_counter()
    way()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
