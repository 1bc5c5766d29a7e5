"""The memory file of a station: `kotoba-edge measure` writes it, `[familiarity] memory_file` names it; a bundle may carry one as well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field

from edge.errors import FamiliarityError
from edge.familiarity.arrays import array_of, array_text
from edge.familiarity.learn import Learned
from edge.familiarity.measures_file import MeasuresFile
from edge.familiarity.memory import Memory, Subspace
from edge.measures.measures import Measures
from firmware_config.digest import digest_of_values
from firmware_config.errors import first_mistake
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json
from firmware_config.verified_file import StoredFile, content_of
from firmware_config.write import write_atomic

MAX_MEMORY_BYTES = 20_000_000
"""128 components of 4,096 features in float32 take 2.8 MB in base64, 256 small pictures 2.2 MB."""
MAX_FEATURES, MAX_COMPONENTS = 16_384, 1_024

ADVICE = "make it again with `kotoba-edge measure`"

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Distance = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MemoryFile(BaseModel):
    """A memory of known pictures. Arrays are float32, row by row, little-endian, in base64."""

    model_config = STRICT
    schema_id: Literal["kotoba.memory/1"] = Field(default="kotoba.memory/1", alias="schema")
    graph: Digest = Field(description="Digest of the vision graph and preprocessing that made the features.")
    roi: tuple[tuple[float, float], ...] | None = Field(description="The station's region of interest; null: the whole picture.")
    features: int = Field(ge=2, le=MAX_FEATURES, description="Number of features of a picture.")
    components: int = Field(ge=1, le=MAX_COMPONENTS, description="Number of principal components.")
    mean: str
    deviation: str
    directions: str = Field(description="The components, (components, features).")
    variances: str
    rest: float = Field(gt=0, allow_inf_nan=False, description="The variance in each other direction.")
    new_condition: Distance = Field(description="A part whose picture is farther away is under a condition that is not known.")
    unfamiliar: Distance = Field(description="A picture that is farther away shows no known part.")
    pictures: int = Field(ge=1, description="Number of known pictures.")
    good: int = Field(ge=1, description="Number of good ones among them.")
    false_alarm: float = Field(gt=0, lt=1, description="The share of good pictures that exceed new_condition.")
    made_at: AwareDatetime
    measures: MeasuresFile | None = Field(default=None, description="What pictures are measured against; null: nothing is measured.")


def write_memory(
    path: Path,
    learned: Learned,
    *,
    graph: str,
    roi: tuple[tuple[float, float], ...] | None,
    good: int,
    false_alarm: float,
    made_at: AwareDatetime,
    measures: Measures | None = None,
) -> None:
    """Write a memory file, whole or not at all.

    Raises:
        FamiliarityError: it cannot be written.
    """
    subspace = learned.subspace
    file = MemoryFile(
        graph=graph, roi=roi, features=len(subspace.mean), components=len(subspace.components), mean=array_text(subspace.mean),
        deviation=array_text(subspace.deviation), directions=array_text(subspace.components), variances=array_text(subspace.variances),
        rest=subspace.rest,
        new_condition=round(learned.new_condition, 4), unfamiliar=round(learned.unfamiliar, 4), pictures=len(learned.left_out), good=good,
        false_alarm=false_alarm, made_at=made_at, measures=None if measures is None else MeasuresFile.of(measures),
    )  # fmt: skip
    try:
        write_atomic(path, (file.model_dump_json(by_alias=True, indent=1) + "\n").encode())
    except OSError as err:
        msg = f"memory {path} cannot be written ({err.strerror}): give a path in a folder that exists"
        raise FamiliarityError(msg) from err


def read_memory(path: StoredFile, *, roi: tuple[tuple[float, float], ...] | None) -> Memory:
    """Read a memory file for a station with this region of interest.

    Raises:
        FamiliarityError: the file is missing, too large, no memory, or was learned with another region of interest.
    """
    try:
        raw = content_of(path, limit=MAX_MEMORY_BYTES)
    except OSError as err:
        msg = f"memory {path} cannot be read ({err.strerror}): {ADVICE} or correct [familiarity]"
        raise FamiliarityError(msg) from err
    if len(raw) > MAX_MEMORY_BYTES:
        msg = f"memory {path} has more than {MAX_MEMORY_BYTES} bytes: {ADVICE}"
        raise FamiliarityError(msg)
    try:
        file = read_json(MemoryFile, raw)
        subspace = Subspace(
            mean=array_of(file.mean, file.features),
            deviation=array_of(file.deviation, file.features),
            components=array_of(file.directions, file.components * file.features).reshape(file.components, file.features),
            variances=array_of(file.variances, file.components),
            rest=file.rest,
        )
        measures = None if file.measures is None else file.measures.opened()
    except ValueError as err:
        msg = f"memory {path}: {first_mistake(err)}: {ADVICE}"
        raise FamiliarityError(msg) from err
    if file.roi != roi:
        msg = f"memory {path} was learned with another region of interest than the station has: {ADVICE}"
        raise FamiliarityError(msg)
    # A file without measures keeps the digest that it had before there were any.
    left_out = {"measures"} if file.measures is None else None
    digest = digest_of_values(file.model_dump(mode="json", by_alias=True, exclude=left_out))
    return Memory(subspace, file.new_condition, file.unfamiliar, file.graph, digest, measures)
