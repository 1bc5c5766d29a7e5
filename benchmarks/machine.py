"""What a figure was measured on: processor, cards, versions, and the roof of a large matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper

from edge.runtime.onnx import PROVIDERS

FLAGS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")
"""What decides how fast int8 and bf16 are, as Linux names it on x86_64 and ARM."""

PACKAGES = ("torch", "transformers", "openvino", "nncf", "llama-cpp-python")
ROOF_SIDE, TRIES = 2048, 6


def described_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Processor with the flags that matter, threads, cards, and versions."""
    facts, flags = _processor(cpuinfo)
    has, lacks = [flag for flag in FLAGS if flag in flags], [flag for flag in FLAGS if flag not in flags]
    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    extra = [name for name, provider in PROVIDERS.items() if name != "cpu" and provider in ort.get_available_providers()]
    versions = [f"{name} {found}" for name in PACKAGES if (found := _version(name))]
    return f"""processor: {facts.get("model name", "unknown")}, {torch.get_num_threads()} threads
  has {" ".join(has) or "nothing of what matters"}, lacks {" ".join(lacks) or "nothing"}
cards: {", ".join(cards) or "none"}
versions: onnxruntime {ort.__version__}{" with " + ", ".join(extra) if extra else ""}, {", ".join(versions)}"""


def dtypes(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, torch.dtype]:
    """What PyTorch computes at full speed on this processor: bf16 without instructions for it takes minutes, and says nothing."""
    _, flags = _processor(cpuinfo)
    able = {"avx512_bf16", "amx_bf16", "bf16"} & set(flags)
    return {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if able else {})


def _processor(cpuinfo: Path) -> tuple[dict[str, str], list[str]]:
    """Facts and flags of the first core."""
    lines = cpuinfo.read_text(encoding="utf-8").split("\n\n", maxsplit=1)[0].splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return facts, (facts.get("flags") or facts.get("Features") or "").split()


def measured_roof(device: str = "cpu") -> dict[str, float]:
    """GFLOP/s of a large matrix product by the best library at hand, for each type of number."""
    flop, found = 2 * ROOF_SIDE**3 / 1e9, {}
    kinds = dtypes() if device == "cpu" else {"fp16": torch.float16}
    for name, dtype in kinds.items():
        square = torch.randn(ROOF_SIDE, ROOF_SIDE, device=device).to(dtype)
        found[name] = flop / min(seconds(partial(torch.matmul, square, square), device) for _ in range(TRIES))
    if device == "cpu":
        product, rows = _int8_product(), np.random.default_rng(0).integers(0, 255, (ROOF_SIDE, ROOF_SIDE), np.uint8)
        found["int8"] = flop / min(seconds(lambda: product.run(None, {"a": rows})) for _ in range(TRIES))
    return found


def _int8_product() -> ort.InferenceSession:
    """U8 by S8 with 7 bits, by onnxruntime: torch's own product of int8 is slow where there is no VNNI."""
    weights = np.random.default_rng(1).integers(-64, 64, (ROOF_SIDE, ROOF_SIDE), np.int8)
    shape = [ROOF_SIDE, ROOF_SIDE]
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("c", TensorProto.INT32, shape)],
        [numpy_helper.from_array(weights, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return ort.InferenceSession(model.SerializeToString(), options, providers=[PROVIDERS["cpu"]])


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
