"""Open and run ONNX graphs on the execution providers that the board names, and on no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edge.errors import BundleError
from edge.records import Placement
from edge.runtime.placement import RECORDED, placement_of
from edge.runtime.threads import threads_of
from firmware_config.board import Board
from firmware_config.errors import ManifestError
from firmware_config.verified_file import StoredFile, steady_path

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
GPU_PROVIDERS = ("tensorrt", "cuda")
"""Providers that compute in the memory of a GPU, the device that onnxruntime calls "cuda"."""

Array = NDArray[Any]
Tensor: TypeAlias = Array | ort.OrtValue
"""An array, or a value in the memory where onnxruntime computed it."""


class Graph:
    """A graph whose outputs can stay in the memory where they were computed and be the inputs of the next run.

    `inputs` and `outputs` map names to shapes as the file has them: a size is an int, a name, or None.
    """

    def __init__(self, file: StoredFile, board: Board) -> None:
        """Open the graph; see `open_session`, also for what it raises."""
        self._session = open_session(file, board)
        self.on_gpu = board.providers[0] in GPU_PROVIDERS
        self.inputs = {node.name: tuple(node.shape) for node in self._session.get_inputs()}
        self.outputs = {node.name: tuple(node.shape) for node in self._session.get_outputs()}

    def placement(self, stage: str) -> Placement:
        """Where the nodes of the graph run; see `placement_of`."""
        return placement_of(self._session, stage=stage)

    def run(self, inputs: Mapping[str, Tensor], *, read: Sequence[str] = (), keep: Sequence[str] = ()) -> tuple[list[Array], list[Tensor]]:
        """Run the graph; returns the outputs `read` as arrays, and the outputs `keep` as tensors in the memory where they were computed.

        Arrays may be views of the runtime's memory. Errors of onnxruntime are raised as they are.
        """
        binding = self._session.io_binding()
        for name, value in inputs.items():
            if isinstance(value, ort.OrtValue):
                binding.bind_ortvalue_input(name, value)
            else:
                binding.bind_cpu_input(name, np.ascontiguousarray(value))
        for name in read:
            binding.bind_output(name)
        for name in keep:
            binding.bind_output(name, "cuda" if self.on_gpu else "cpu")
        self._session.run_with_iobinding(binding)
        values = binding.get_outputs()
        return [value.numpy() for value in values[: len(read)]], values[len(read) :]


def on_host(tensor: Tensor) -> Array:
    """Return a tensor as an array in host memory."""
    return tensor if isinstance(tensor, np.ndarray) else tensor.numpy()


def available_providers() -> tuple[str, ...]:
    """The execution providers that this onnxruntime has, by the names of a board."""
    there = ort.get_available_providers()
    return tuple(name for name, long_name in PROVIDERS.items() if long_name in there)


def require_providers(board: Board, doing: str) -> None:
    """Check that onnxruntime has every provider of the board; `doing` begins the sentence of the error.

    Raises:
        BundleError: it lacks one.
    """
    there = ort.get_available_providers()
    missing = [PROVIDERS[name] for name in board.providers if PROVIDERS[name] not in there]
    if missing:
        msg = (
            f"{doing}: board {board.name!r} asks for {missing[0]}, which this onnxruntime lacks (it has {', '.join(there)}): "
            "install the build for this device or choose another board"
        )
        raise BundleError(msg)


def open_session(file: StoredFile, board: Board) -> ort.InferenceSession:
    """Open a graph on the board's execution providers.

    Raises:
        BundleError: onnxruntime lacks a provider of the board, or cannot load the graph, or cannot start the first provider, or part of
            the graph would run on the CPU and the board does not name it.
        ManifestError: a file of a bundle is not what its manifest lists.
    """
    require_providers(board, f"opening {file}")
    wanted = [PROVIDERS[name] for name in board.providers]
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_of(board)
    options.inter_op_num_threads = 1
    # Threads spin between the nodes of a graph, because waking them for each of hundreds of nodes takes a fifth of its time. They stop
    # spinning at the end of a run, because the language model needs the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Flush subnormals to zero: a softmax over masked tokens leaves subnormal numbers, which x86 computes very slowly. The setting holds for
    # onnxruntime's threads. If this is the first session of the process, it also holds for the calling thread and those it starts later.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry(RECORDED, "1")
    options.log_severity_level = 3
    if "cpu" not in board.providers:
        # Without this onnxruntime runs unsupported nodes on the CPU and does not report it.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        with steady_path(file) as path:
            session = ort.InferenceSession(str(path), options, providers=[(name, _options(name, board)) for name in wanted])
    except ManifestError:
        raise
    except Exception as err:
        msg = f"opening {file}: onnxruntime cannot load it ({str(err).splitlines()[0][:200]}): build the bundle again"
        raise BundleError(msg) from err
    if wanted[0] not in session.get_providers():
        # If a GPU cannot be used, onnxruntime continues on the CPU and only logs it.
        msg = f"opening {file}: {wanted[0]} could not be started, only {', '.join(session.get_providers())}: see `kotoba-edge doctor`"
        raise BundleError(msg)
    # When a provider fails later, onnxruntime would open the path once more, for the CPU, and only print it: the copy is gone by then.
    session.disable_fallback()
    return session


def _options(provider: str, board: Board) -> dict[str, str]:
    """Return onnxruntime's options for a provider."""
    if provider == PROVIDERS["openvino"]:
        # Without "precision" OpenVINO computes in bf16 on a CPU that has it, and the words differ from those of the verified bundle.
        return {"device_type": "CPU", "precision": "FP32", "num_of_threads": str(threads_of(board))}
    if provider == PROVIDERS["tensorrt"]:
        # TensorRT compiles an engine for minutes, so the cache keeps it for the next start. Bundles for its boards are fp16.
        cache = str(board.engine_cache)
        return {
            "trt_fp16_enable": "1",
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": cache,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": cache,
        }
    return {}
