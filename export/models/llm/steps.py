"""The steps of the language model, each kept in the cache: a GGUF from a checkpoint, its quantisation, its graph.

Only the first step needs the extra [export], whose libraries are therefore imported inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.cache import Cache, Step
from export.checkpoint import Checkpoint
from export.checkpoint.adapter import Adapter
from export.models.llm.gguf_quantize import write_quantized
from export.models.llm.graph import write_graph
from export.progress import Report
from export.proof.figures import Measured
from export.proof.record import record_figures, recorded
from firmware_config.board import GraphPrecision

CONVERTED = Step("llm", modules=("export.models.llm.convert",), libraries=("gguf", "numpy", "sentencepiece", "torch", "transformers"))
"""llama.cpp's converter runs in a process of its own and imports these libraries there."""

PROVEN = Step("llm-proof", modules=("export.models.llm.proof",))
QUANTIZED = Step("llm-quantized", modules=("export.models.llm.gguf_quantize",))
GRAPH = Step("llm-graph", modules=("export.models.llm.graph",))


def converted_llm(checkpoint: Checkpoint, adapters: Sequence[Adapter], *, cache: Cache, report: Report) -> Path:
    """Convert a checkpoint; returns the folder of model.gguf in F16, adapters/ and templates/.

    Raises:
        LlmError: llama.cpp refuses the model, or an adapter does not belong to it.
    """
    from export.models.llm.convert import converter_files, llm_parts

    weights = [path for adapter in adapters for path in adapter.files]
    return cache.made(
        CONVERTED,
        lambda out: llm_parts(checkpoint, adapters, out, report=report),
        inputs=(*checkpoint.files, *weights, *converter_files()),
        settings=[adapter.folder.name for adapter in adapters],
    )


def proven_llm(
    checkpoint: Checkpoint, adapters: Sequence[Adapter], made: Path, *, context_tokens: int, cache: Cache, report: Report
) -> tuple[Measured, ...]:
    """The figures of a converted model, `made`, beside transformers and PEFT.

    Raises:
        LlmError: llama.cpp cannot load the model or an adapter, or aborts; or PEFT cannot load an adapter.
        SpecError: transformers cannot load the model, or a weight is not finite.
    """
    from export.models.llm.proof import prove

    def make(out: Path) -> None:
        record_figures(out, prove(checkpoint, adapters, made, context_tokens=context_tokens, report=report))

    files = (*checkpoint.files, *(path for adapter in adapters for path in adapter.files))
    gguf = (made / "model.gguf", *(made / f"adapters/{adapter.folder.name}.gguf" for adapter in adapters))
    return recorded(cache.made(PROVEN, make, inputs=(*files, *gguf), settings=context_tokens))


def quantized_gguf(source: Path, quantisation: str, *, cache: Cache, report: Report) -> Path:
    """Quantize a GGUF and remove its chat template; `quantisation` is one of llama.cpp's names or "keep".

    Raises:
        LlmError: an unknown quantisation, or llama.cpp refuses the file.
    """

    def make(out: Path) -> None:
        report(f"quantizing {source.name} to {quantisation}")
        write_quantized(source, out / "model.gguf", quantisation)

    return cache.made(QUANTIZED, make, inputs=(source,), settings=quantisation) / "model.gguf"


def llm_graph(
    model: Path,
    precision: GraphPrecision,
    *,
    context_tokens: int,
    adapters: Sequence[Path],
    cache: Cache,
    report: Report,
) -> Path:
    """Write a GGUF as one ONNX graph that can take `adapters`, for at most `context_tokens` positions.

    Raises:
        LlmError: the model cannot be a graph in this precision (see `graph_obstacle`), or a weight is not finite.
    """

    def make(out: Path) -> None:
        report(f"writing the language model as a graph in {precision}")
        write_graph(model, out / "model.onnx", precision, context_tokens=context_tokens, adapters=adapters)

    return cache.made(GRAPH, make, inputs=(model, *adapters), settings=[precision, context_tokens]) / "model.onnx"
