"""Read the specification of a bundle, a TOML file. Paths in it are relative to the file itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, RootModel, ValidationError, model_validator

from export.errors import SpecError
from export.model_sources import BlipSource, ClipSource, Here, Limits, LlmSource
from firmware_config.board import Precision
from firmware_config.bundle import JudgeTemperature, KeyId
from firmware_config.describers import Blip, Clip
from firmware_config.errors import StationError, first_mistake
from firmware_config.regular_file import read_limited
from firmware_config.station import Station, read_station
from firmware_config.station_template import require_template
from firmware_config.strict import STRICT, read_values
from firmware_config.strict_json import read_json
from firmware_config.toml import read_toml

STATION_NAME = "station.toml"
"""The station file in the golden folder: labels, words and limits with which the golden verdicts are made."""

LLM_PATH, LLM_GRAPH_PATH = "llm/model.gguf", "llm/model.onnx"
"""Paths inside a bundle."""

MAX_JSON_BYTES = 1_000_000

Text = Annotated[str, Field(min_length=1)]


_Model = TypeVar("_Model", bound=BaseModel)


class Licence(BaseModel):
    """The licence of the files that match a pattern; the first entry that matches counts."""

    model_config = STRICT
    files: tuple[Text, ...] = Field(min_length=1, description="Patterns over paths inside the bundle, such as clip/*.")
    licence: Text = Field(description="SPDX identifier.")
    origin: Text = Field(description="Who made the content, and where it comes from.")
    text: Here | None = Field(default=None, description="A file with the text of the licence.")
    notice: str = Field(default="", description="What its users must know, such as a restriction of the licence.")


class BundleSpec(BaseModel):
    """What to build: from checkpoints of Hugging Face, from ready artefacts, or from both."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="Name of the bundle: letters, digits, dots, - and _.")
    version: int = Field(ge=1, description="Version of the bundle. A build never replaces a newer version by an older one.")
    artefacts: Here | None = Field(
        default=None,
        description="Folder of ready artefacts: models.json, the files that it names, adapters/*.gguf, judges/*.json (linear judges), "
        "memories/*.json and temperatures.json.",
    )
    templates: Here | None = Field(
        default=None,
        description="Folder of instruction templates, NAME.txt with the places {labels} and {description}: what the language model reads. "
        "Default: the chat format of the model of [llm] folder, as the template 'default'.",
    )
    golden: Here = Field(
        description=f"Folder of pictures (.png, .jpg) and {STATION_NAME}, the golden station: the bundle's verdicts on them are certified, "
        "and every box repeats them.",
    )
    station: Here | None = Field(
        default=None,
        description="Station template: the station file from which `kotoba-config new` makes stations. A calibration that it names lies "
        f"beside it. Unset: {STATION_NAME} of the golden folder.",
    )
    expected: dict[Text, tuple[Text, ...]] = Field(
        default={}, description="The expected label of golden pictures: label to patterns over their file names, such as crack-*.png."
    )
    require_expected: bool = Field(
        default=False, description="Refuse to build if a golden picture gets another label or decision than expected."
    )
    pictures: Here | None = Field(
        default=None, description="Folder of real pictures to calibrate and to prove on. Default: the golden ones."
    )
    limits: Limits = Field(default={}, description="Of the whole chain; those of one model stand in its own section.")
    clip: ClipSource | None = Field(default=None, description="The CLIP or SigLIP, from a folder.")
    blip: BlipSource | None = Field(default=None, description="The captioning BLIP, from a folder.")
    llm: LlmSource = Field(description="The language model.")
    licences: tuple[Licence, ...] = Field(min_length=1, description="The licence of every file of the bundle.")
    carry_keys: tuple[Here, ...] = Field(
        default=(), description="Files of public keys (.pub) that a box trusts from the install of this bundle on."
    )
    revoke_keys: tuple[KeyId, ...] = Field(
        default=(), description="Ids of keys that a box trusts no more once it runs this bundle; never the key that signs it."
    )

    @model_validator(mode="after")
    def _complete(self) -> BundleSpec:
        if self.artefacts is None and self.clip is None:
            msg = "give [clip] with a folder, or artefacts that are ready"
            raise ValueError(msg)
        if self.templates is None and self.llm.folder is None:
            msg = "give templates: only the model of a folder brings one"
            raise ValueError(msg)
        return self

    @property
    def makes(self) -> bool:
        """Whether models have to be exported, which needs the extra [export]."""
        return self.clip is not None or self.blip is not None or self.llm.folder is not None

    def licence_of(self, path: str) -> Licence:
        """The licence of a file by its path inside the bundle; the graph of a language model has that of its GGUF.

        Raises:
            SpecError: no pattern matches.
        """
        named = LLM_PATH if path == LLM_GRAPH_PATH else path
        for licence in self.licences:
            if any(fnmatchcase(named, pattern) for pattern in licence.files):
                return licence
        msg = f"bundle {self.name}: no [[licences]] entry covers {path}: add one, every file of a bundle has a licence"
        raise SpecError(msg)

    def expected_label(self, picture: str) -> str | None:
        """The expected label of a golden picture, by its file name; None if the specification names none.

        Raises:
            SpecError: two labels are expected.
        """
        labels = [label for label, patterns in self.expected.items() if any(fnmatchcase(picture, pattern) for pattern in patterns)]
        if len(labels) > 1:
            msg = f"bundle {self.name}: {' and '.join(labels)} are both expected of the golden picture {picture}: leave one in [expected]"
            raise SpecError(msg)
        return labels[0] if labels else None


class Models(BaseModel):
    """models.json of artefacts: the manifest's sections as the exporters measured them."""

    model_config = STRICT
    clip: Clip | None = None
    blip: Blip | None = None
    parity: dict[str, float] = {}


class _Temperatures(RootModel[tuple[JudgeTemperature, ...]]):
    """The content of temperatures.json."""


def read_spec(path: Path, *, precision: Precision = "int8") -> BundleSpec:
    """Read a specification and make its paths absolute; `precision` is the default for its graphs.

    Raises:
        SpecError: the file or a folder that it names is missing, or a value is wrong.
    """
    try:
        values = read_toml(path)
        for section, names in (("clip", ("precision",)), ("blip", ("precision", "decoder_precision"))):
            if isinstance(values.get(section), dict):
                values[section] = dict.fromkeys(names, precision) | values[section]
        spec = read_values(BundleSpec, values, context=path.parent.absolute())
    except ValidationError as err:
        msg = f"specification {path}: {first_mistake(err, BundleSpec)}: correct it"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"specification {path} {err}: give the TOML of one bundle"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    for key in ("artefacts", "templates", "golden", "pictures"):
        folder = getattr(spec, key)
        if folder is not None and not folder.is_dir():
            msg = f"specification {path}: {key} is {folder}, which is no folder: correct it, or make the artefacts first"
            raise SpecError(msg)
    for licence in spec.licences:
        if licence.text is not None and not licence.text.is_file():
            msg = f"specification {path}: the licence text {licence.text} does not exist: correct the path"
            raise SpecError(msg)
    return spec


def with_keys(spec: BundleSpec, *, carried: Sequence[Path], revoked: Sequence[str]) -> BundleSpec:
    """A specification with more keys to carry and to revoke, as a command line names them.

    Raises:
        SpecError: an id is none.
    """
    wrong = next((one for one in revoked if not re.fullmatch(r"[0-9a-f]{16}", one)), None)
    if wrong is not None:
        msg = f"{wrong!r} is no id of a key: give --revoke-key 16 hex digits, as `kotoba-edge bundle list` shows them"
        raise SpecError(msg)
    return spec.model_copy(update={"carry_keys": (*spec.carry_keys, *carried), "revoke_keys": (*spec.revoke_keys, *revoked)})


def read_models(artefacts: Path) -> Models:
    """Read models.json.

    Raises:
        SpecError: the file is missing or has a wrong value.
    """
    return _read_json(artefacts / "models.json", Models)


def read_temperatures(artefacts: Path) -> tuple[JudgeTemperature, ...]:
    """Read temperatures.json, those of adapters and of linear judges; empty where the file does not exist.

    Raises:
        SpecError: the file is not such a list.
    """
    path = artefacts / "temperatures.json"
    return _read_json(path, _Temperatures).root if path.exists() else ()


def read_golden_station(golden: Path) -> Station:
    """Read the station with which the golden verdicts are made.

    Raises:
        SpecError: the file is missing or has a wrong value.
    """
    try:
        return read_station(golden / STATION_NAME)
    except StationError as err:
        raise SpecError(str(err)) from err


def read_template(station: Path) -> Station:
    """Read the station template that a specification names.

    Raises:
        SpecError: the file has a wrong value, or names a file that a bundle does not hold.
    """
    try:
        template = read_station(station)
        require_template(template, source=str(station))
    except StationError as err:
        raise SpecError(str(err)) from err
    return template


def _read_json(path: Path, model: type[_Model]) -> _Model:
    try:
        return read_json(model, read_limited(path, MAX_JSON_BYTES))
    except OSError as err:
        msg = f"artefact {path} cannot be read ({err.strerror}): make the artefacts first"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"artefact {path}: {first_mistake(err)}: make the artefacts again"
        raise SpecError(msg) from err
