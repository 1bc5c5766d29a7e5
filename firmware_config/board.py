"""A device profile: which execution providers, how many threads, how much memory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from firmware_config.errors import BoardError, first_mistake
from firmware_config.strict import STRICT
from firmware_config.toml import read_toml

BOARDS = Path(__file__).with_name("boards")
"""The shipped profiles."""


Precision = Literal["fp32", "fp16", "int8", "int8-full", "int8-static", "int4"]
"""Of a graph; what each means stands in docs/export.md."""

GraphPrecision = Literal["fp32", "int8", "int8-full"]
"""Of a language model's graph."""


class Board(BaseModel):
    """What the box is."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    providers: tuple[Literal["tensorrt", "cuda", "openvino", "cpu"], ...] = Field(
        min_length=1,
        description="Execution providers of onnxruntime, first wanted first; a missing one is an error, and so is a part of a graph that "
        "would run on the CPU where it is not named: never a silent fallback.",
    )
    precision: Precision = Field(default="int8", description="What is exported for this board where a specification names nothing else.")
    engine_cache: Path = Field(default=Path("/var/cache/kotoba"), description="Where TensorRT keeps the engines that it compiles here.")
    threads: int = Field(default=0, ge=0, le=256, description="Threads for inference; 0 means all cores this process may use.")
    llm_gpu_layers: int = Field(default=0, ge=-1, description="Layers of the language model on the GPU; -1 means all.")
    llm_graph: GraphPrecision | None = Field(
        default=None,
        description="Precision of the graph that is exported beside the language model's GGUF, to judge on the processor; none where a "
        "card judges.",
    )
    memory_mb: int = Field(default=1_500, ge=256, description="Above this resident size the doctor and the metrics raise an alarm.")


def read_board(name_or_path: str) -> Board:
    """Read a shipped profile by its name (`cpu`, `gpu`, `jetson-orin-nano`, `openvino`) or a file by its path (anything ending in .toml).

    Raises:
        BoardError: no such profile, or a file that is not understood.
    """
    source = Path(name_or_path) if name_or_path.endswith(".toml") else BOARDS / f"{name_or_path}.toml"
    try:
        return Board.model_validate(read_toml(source))
    except ValidationError as err:
        msg = f"board profile {name_or_path}: {first_mistake(err)}: see `kotoba-config schema board`"
        raise BoardError(msg) from err
    except ValueError as err:
        msg = f"board profile {name_or_path} {err}: give the TOML of one board"
        raise BoardError(msg) from err
    except OSError as err:
        shipped = ", ".join(sorted(path.stem for path in BOARDS.glob("*.toml")))
        msg = f"board profile {name_or_path} cannot be read ({err.strerror}): use one of {shipped}, or the path of a .toml file"
        raise BoardError(msg) from err
