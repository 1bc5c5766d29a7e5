"""What to build: the specification of a bundle, a TOML file. Paths in it are relative to the file itself."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, Field, RootModel, ValidationError, ValidationInfo, model_validator

from export.errors import SpecError
from firmware_config.bundle import Blip, Calibration, Clip
from firmware_config.cameras import STRICT
from firmware_config.errors import StationError, first_mistake
from firmware_config.station import Station, read_station
from firmware_config.toml import read_toml

STATION_NAME = "station.toml"
"""In the golden folder: labels, words and limits with which the golden verdicts are made."""

MAX_JSON_BYTES = 1_000_000

Text = Annotated[str, Field(min_length=1)]


def _under_the_specification(path: Path, info: ValidationInfo) -> Path:
    return path if info.context is None else Path(info.context) / path


Here = Annotated[Path, AfterValidator(_under_the_specification)]
"""A path relative to the file that says it."""

_Model = TypeVar("_Model", bound=BaseModel)


class LlmSource(BaseModel):
    """Where the language model comes from: the one .gguf inside an installed package, or a file; `keep` leaves it as it is."""

    model_config = STRICT
    package: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$", description="Name of an installed distribution.")
    path: Here | None = None
    quantisation: Literal["F16", "Q4_0", "Q4_1", "Q4_K_M", "Q5_K_M", "Q8_0", "keep"] = "keep"
    context_tokens: int = Field(default=2048, ge=256, le=32_768)

    @model_validator(mode="after")
    def _one_source(self) -> LlmSource:
        if (self.package is None) == (self.path is None):
            msg = "give either package or path"
            raise ValueError(msg)
        return self


class Licence(BaseModel):
    """The licence of the files that match a pattern; the first that matches counts. `text` is a file with its wording."""

    model_config = STRICT
    files: tuple[Text, ...] = Field(min_length=1, description="Patterns over paths inside the bundle, such as clip/*.")
    licence: Text = Field(description="SPDX identifier.")
    origin: Text = Field(description="Who made the content, and where it comes from.")
    text: Here | None = None
    notice: str = Field(default="", description="What its users must be told.")


class BundleSpec(BaseModel):
    """What to build. `artefacts` holds models.json, the files that it names, adapters/*.gguf and calibration.json."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    version: int = Field(ge=1)
    artefacts: Here
    templates: Here
    golden: Here = Field(description=f"Pictures (.png, .jpg) and {STATION_NAME}.")
    llm: LlmSource
    licences: tuple[Licence, ...] = Field(min_length=1)

    def licence_of(self, path: str) -> Licence:
        """The licence of a file by its path inside the bundle.

        Raises:
            SpecError: no pattern matches.
        """
        for licence in self.licences:
            if any(fnmatchcase(path, pattern) for pattern in licence.files):
                return licence
        msg = f"bundle {self.name}: no [[licences]] entry covers {path}: add one, every file of a bundle has a licence"
        raise SpecError(msg)


class Models(BaseModel):
    """models.json of the artefacts: the manifest's sections as the exporters measured them."""

    model_config = STRICT
    clip: Clip
    blip: Blip | None = None
    parity: dict[str, float] = {}


class _Calibrations(RootModel[tuple[Calibration, ...]]):
    """calibration.json."""


def read_spec(path: Path) -> BundleSpec:
    """Read a specification and make its paths absolute.

    Raises:
        SpecError: the file or a folder that it names is missing, or it says something that is not understood.
    """
    try:
        spec = BundleSpec.model_validate(read_toml(path), context=path.parent.absolute())
    except ValidationError as err:
        msg = f"specification {path}: {first_mistake(err)}: correct it"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"specification {path} {err}: give the TOML of one bundle"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    for key, folder in (("artefacts", spec.artefacts), ("templates", spec.templates), ("golden", spec.golden)):
        if not folder.is_dir():
            msg = f"specification {path}: {key} is {folder}, which is no folder: correct it, or make the artefacts first"
            raise SpecError(msg)
    for licence in spec.licences:
        if licence.text is not None and not licence.text.is_file():
            msg = f"specification {path}: the licence text {licence.text} does not exist: correct the path"
            raise SpecError(msg)
    return spec


def read_models(artefacts: Path) -> Models:
    """Read models.json.

    Raises:
        SpecError: missing or not understood.
    """
    return _read_json(artefacts / "models.json", Models)


def read_calibration(artefacts: Path) -> tuple[Calibration, ...]:
    """Read calibration.json, a list of temperatures; none where the file does not exist.

    Raises:
        SpecError: not understood.
    """
    path = artefacts / "calibration.json"
    return _read_json(path, _Calibrations).root if path.exists() else ()


def read_golden_station(golden: Path) -> Station:
    """Read the station with which the golden verdicts are made.

    Raises:
        SpecError: missing or not understood.
    """
    try:
        return read_station(golden / STATION_NAME)
    except StationError as err:
        raise SpecError(str(err)) from err


def _read_json(path: Path, model: type[_Model]) -> _Model:
    try:
        with path.open("rb") as file:
            return model.model_validate_json(file.read(MAX_JSON_BYTES))
    except OSError as err:
        msg = f"artefact {path} cannot be read ({err.strerror}): make the artefacts first"
        raise SpecError(msg) from err
    except ValidationError as err:
        msg = f"artefact {path}: {first_mistake(err)}: make the artefacts again"
        raise SpecError(msg) from err
