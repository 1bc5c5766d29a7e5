"""The board profile: execution providers, precision, threads and memory of a device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from firmware_config.errors import BoardError, first_mistake
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

BOARDS = Path(__file__).with_name("boards")
"""The profiles that come with the package."""

Precision = Literal["fp32", "fp16", "int8", "int8-full", "int8-static", "int4"]
"""Of a graph; docs/export.md explains each."""

GraphPrecision = Literal["fp32", "int8", "int8-full"]
"""Of a language model's graph."""

CameraBus = Literal["usb", "gige", "csi", "rtsp"]
"""How a camera is wired: USB, GigE Vision, the ribbon cable of a module, or a video stream over the network."""


class Board(BaseModel):
    """The settings of one kind of device."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="Name of the profile: letters, digits, - and _.")
    about: str = Field(default="", max_length=200, description="Which devices the profile is for, for people.")
    providers: tuple[Literal["tensorrt", "cuda", "openvino", "cpu"], ...] = Field(
        min_length=1,
        description="Execution providers of onnxruntime, in the order of preference. There is no silent fallback: a missing provider is an "
        "error, and so is a part of a graph that would run on a CPU that is not listed.",
    )
    precision: Precision = Field(
        default="int8", description="Precision of graphs that are exported for this board, unless the specification names another."
    )
    engine_cache: Path = Field(
        default=Path("/var/cache/kotoba"), description="Folder for the engines that TensorRT compiles on the device."
    )
    threads: int = Field(default=0, ge=0, le=256, description="Threads for inference; 0: one for each core that the process may use.")
    llm_gpu_layers: int = Field(default=0, ge=-1, description="Layers of the language model on the GPU; -1: all.")
    llm_graph: GraphPrecision | None = Field(
        default=None,
        description="Precision of the language model's graph, which judges on the CPU; it is exported beside the GGUF. Unset: no graph, "
        "for boards whose GPU judges.",
    )
    memory_mb: int = Field(
        default=1_500,
        ge=256,
        description="Most that the daemon should take; `kotoba-edge doctor` warns of a larger resident size, and of a machine with less.",
    )
    power_modes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")], ...] = Field(
        default=(),
        description="Names of nvpmodel's power modes on a Jetson, the preferred one first; `kotoba-edge doctor` warns of any other. Their "
        "numbers differ between modules and versions of JetPack: /etc/nvpmodel.conf of the box has them.",
    )
    camera_buses: tuple[CameraBus, ...] = Field(
        default=("usb", "gige", "rtsp"),
        min_length=1,
        description="How cameras are wired to the device; `kotoba-edge doctor` warns of a station whose camera comes another way.",
    )


def shipped() -> tuple[str, ...]:
    """The names of the profiles that come with the package, in the order of the alphabet."""
    return tuple(sorted(path.stem for path in BOARDS.glob("*.toml")))


def read_board(name_or_path: str) -> Board:
    """Read a profile that comes with the package by its name, as `cpu`, or a file by its path, which ends in .toml.

    Raises:
        BoardError: there is no such profile, or the file has an unknown key or a wrong value.
    """
    source = Path(name_or_path) if name_or_path.endswith(".toml") else BOARDS / f"{name_or_path}.toml"
    try:
        return read_values(Board, read_toml(source))
    except ValidationError as err:
        msg = f"board profile {name_or_path}: {first_mistake(err, Board)}: see `kotoba-config schema board`"
        raise BoardError(msg) from err
    except ValueError as err:
        msg = f"board profile {name_or_path} {err}: give the TOML of one board"
        raise BoardError(msg) from err
    except OSError as err:
        names = ", ".join(shipped())
        msg = f"board profile {name_or_path} cannot be read ({err.strerror}): use one of {names}, or the path of a .toml file"
        raise BoardError(msg) from err
