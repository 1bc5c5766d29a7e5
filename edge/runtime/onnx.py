"""Open an ONNX graph on the execution providers that the board asks for, and on no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge.errors import BundleError
from edge.runtime.threads import threads_of
from firmware_config.board import Board

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
CARDS = ("tensorrt", "cuda")
"""Providers that compute in a card's memory, which onnxruntime calls "cuda"."""

Array = NDArray[Any]
Tensor: TypeAlias = Array | ort.OrtValue


class Graph:
    """A graph whose outputs may stay in the memory where they were computed, for a graph to read next."""

    def __init__(self, path: Path, board: Board) -> None:
        """See `open_session`."""
        self._session = open_session(path, board)
        self.on_card = board.providers[0] in CARDS
        self.inputs = {given.name: tuple(given.shape) for given in self._session.get_inputs()}
        self.outputs = {output.name: tuple(output.shape) for output in self._session.get_outputs()}

    def run(self, inputs: Mapping[str, Tensor], *, read: Sequence[str] = (), keep: Sequence[str] = ()) -> tuple[list[Array], list[Tensor]]:
        """The outputs `read`, as arrays, which may be views of the runtime's memory, and the outputs `keep`, where they were computed."""
        binding = self._session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, ort.OrtValue):
                binding.bind_ortvalue_input(name, value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
        for name in read:
            binding.bind_output(name)
        for name in keep:
            binding.bind_output(name, "cuda" if self.on_card else "cpu")
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs()
        return [value.numpy() for value in values[: len(read)]], values[len(read) :]


def on_host(tensor: Tensor) -> Array:
    """A tensor as an array."""
    return tensor if isinstance(tensor, np.ndarray) else tensor.numpy()


def open_session(path: Path, board: Board) -> ort.InferenceSession:
    """Open a graph.

    Raises:
        BundleError: the runtime lacks a provider that the board asks for, or cannot load the graph, or a part of the graph would run on
            the CPU, which the board does not name.
    """
    wanted = [PROVIDERS[name] for name in board.providers]
    missing = [name for name in wanted if name not in ort.get_available_providers()]
    if missing:
        msg = (
            f"opening {path}: board {board.name!r} asks for {missing[0]}, which this onnxruntime lacks (it has "
            f"{', '.join(ort.get_available_providers())}): install the build for this device or choose another board"
        )
        raise BundleError(msg)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_of(board)
    options.inter_op_num_threads = 1
    # Waking a thread for each of a graph's hundreds of steps costs a fifth of its time, so they spin while it runs; they stop at its end,
    # because the language model needs the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Flush subnormals to zero: a softmax over masked tokens leaves subnormal numbers, which x86 computes very slowly. The setting holds for
    # onnxruntime's threads. If this is the first session of the process, it also holds for the calling thread and those it starts later.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 3
    if "cpu" not in board.providers:
        # Without this onnxruntime runs unsupported nodes on the CPU and does not report it.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = ort.InferenceSession(str(path), options, providers=[(name, _options(name, board)) for name in wanted])
    except Exception as err:
        msg = f"opening {path}: onnxruntime cannot load it ({str(err).splitlines()[0][:200]}): build the bundle again"
        raise BundleError(msg) from err
    if wanted[0] not in session.get_providers():
        # A GPU that cannot be used makes onnxruntime go on with the CPU and only log it.
        msg = f"opening {path}: {wanted[0]} could not be started, only {', '.join(session.get_providers())}: see `kotoba-edge doctor`"
        raise BundleError(msg)
    return session


def _options(provider: str, board: Board) -> dict[str, str]:
    if provider == PROVIDERS["openvino"]:
        # Without "precision" a CPU that has bf16 would compute in it, and give other words than the bundle was proven with.
        return {"device_type": "CPU", "precision": "FP32", "num_of_threads": str(threads_of(board))}
    if provider == PROVIDERS["tensorrt"]:
        # It compiles a graph for minutes: kept for the next start, and made for fp16, which is what its boards are given.
        cache = str(board.engine_cache)
        return {
            "trt_fp16_enable": "1",
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": cache,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": cache,
        }
    return {}
