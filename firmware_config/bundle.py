"""The manifest of a bundle. `edge/bundle/open.py` checks its files, `firmware_config/signature.py` its signature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from firmware_config.bundle_files import FilePath, FileUse
from firmware_config.describers import Describer
from firmware_config.digest import digest_of_values
from firmware_config.errors import ManifestError, first_mistake
from firmware_config.measuring import Measuring
from firmware_config.signature import key_id
from firmware_config.strict import STRICT
from firmware_config.strict_json import read_json

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.sig"
GOLDEN_STATION = "golden/station.toml"
"""The station with which the golden verdicts are certified; every bundle carries it."""

PICTURE_SUFFIXES = (".png", ".jpg")
ALLOWED_SUFFIXES = (".onnx", ".gguf", ".json", ".txt", ".toml", ".npy", *PICTURE_SUFFIXES)
MAX_MANIFEST_BYTES = 10_000_000
"""10,000 files of 1 KB each, the most that a manifest may name."""

READ_BY_OPERATORS = ("translations",)
"""Keys of the describer that no model reads."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MAX_CARRIED_KEYS = 16


class BundleFile(BaseModel):
    """One file of the bundle: its path, sha256, size in bytes, SPDX licence and origin."""

    model_config = STRICT
    path: FilePath
    sha256: Sha256
    size: int = Field(ge=0, lt=8**11, description="Bytes; an archive holds files of less than 8 GiB.")
    licence: str = Field(min_length=1)
    origin: str = ""


class Llm(BaseModel):
    """The language model of the judge, and its LoRA adapters by name. A chat template inside the GGUF is not used."""

    model_config = STRICT
    model: FilePath
    graph: FilePath | None = Field(default=None, description="The same weights as an ONNX graph, for boards without a GPU.")
    adapters: dict[str, FilePath] = {}
    context_tokens: int = Field(default=2048, ge=256, le=32_768)

    def file_uses(self, key: str) -> Iterator[FileUse]:
        """The files of the language model and its adapters."""
        yield FileUse(f"{key}.model", self.model, (".gguf",))
        if self.graph is not None:
            yield FileUse(f"{key}.graph", self.graph, (".onnx",))
        for name, path in self.adapters.items():
            yield FileUse(f"{key}.adapters.{name}", path, (".gguf",))


class AdapterTemperature(BaseModel):
    """The temperature of the judge with one adapter (null: none) and template; 1 changes nothing. Fitted when the adapter was tuned.

    The log-likelihoods of the labels are divided by it before the softmax.
    """

    model_config = STRICT
    adapter: str | None
    template: str
    temperature: float = Field(gt=0, le=100)
    measured: Measuring = Field(default=False, description="Which measured words the descriptions had that it was fitted on.")


class LinearTemperature(BaseModel):
    """The temperature of one linear judge; it divides as that of an adapter does. Fitted when the linear judge was."""

    model_config = STRICT
    linear: str
    temperature: float = Field(gt=0, le=100)
    measured: Measuring = Field(default=False, description="Which measured words the descriptions had that it was fitted on.")


def _whose(entry: object) -> str:
    """Which kind a temperature is, so that a mistake in one is told in its own words alone."""
    return "linear" if isinstance(entry, LinearTemperature) or (isinstance(entry, dict) and "linear" in entry) else "adapter"


JudgeTemperature = Annotated[
    Annotated[AdapterTemperature, Tag("adapter")] | Annotated[LinearTemperature, Tag("linear")], Discriminator(_whose)
]


class Golden(BaseModel):
    """A picture of the bundle with its certified verdict: what a box with the golden station gives for it.

    A box gives the same verdict if decision and label are equal and the probability differs by at most `tolerance`.
    """

    model_config = STRICT
    picture: FilePath
    expected: str | None = Field(default=None, description="The label that the picture's maker expects, if it is known.")
    decision: Literal["OK", "NG", "REVIEW"]
    label: str
    probability: float = Field(
        ge=0,
        le=1,
        description="Of the label's decision: the sum over its labels, which is the confidence of a calibrated verdict.",
    )
    tolerance: float = Field(default=0.02, ge=0, le=1)


class Manifest(BaseModel):
    """The content of a bundle: its models, templates, certified verdicts and files."""

    model_config = STRICT
    schema_id: Literal["kotoba.bundle/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    bundle_version: int = Field(ge=1, description="Grows with every build: a device refuses an older bundle.")
    key_id: KeyId
    new_keys: tuple[PublicKey, ...] = Field(
        default=(), max_length=MAX_CARRIED_KEYS, description="Public keys that a box trusts from the install of this bundle on, in hex."
    )
    revoked_keys: tuple[KeyId, ...] = Field(
        default=(), max_length=MAX_CARRIED_KEYS, description="Ids of keys that a box trusts no more; never the one that signs."
    )
    describer: Describer
    llm: Llm
    templates: dict[str, FilePath]
    linear: dict[str, FilePath] = Field(default={}, description="Linear judges by name, for [judge] linear of a station.")
    memories: dict[str, FilePath] = Field(
        default={}, description="Memories of known pictures by name, for [familiarity] memory of a station."
    )
    temperatures: tuple[JudgeTemperature, ...] = ()
    golden: tuple[Golden, ...] = ()
    parity: dict[str, float] = Field(default={}, description="Differences to the original models, measured when the bundle was built.")
    notice: str = ""
    files: tuple[BundleFile, ...] = Field(min_length=1, max_length=10_000)

    @property
    def models_digest(self) -> str:
        """`sha256:` of what words and log-likelihoods depend on: graphs, weights, tokenizers, vocabularies and preprocessing.

        Files count by their content. Name, version, signing key and licences are left out; so are adapters, linear judges and templates,
        whose digests every verdict carries.
        """
        contents = {file.path: file.sha256 for file in self.files}
        values = {"describer": self.describer.model_dump(mode="json"), "llm": self.llm.model_dump(mode="json", exclude={"adapters"})}
        return digest_of_values(_by_content(values, contents))

    def file_uses(self) -> Iterator[FileUse]:
        """Every file that the manifest uses, whether it is listed in `files` or not."""
        yield from self.describer.file_uses("describer")
        yield from self.llm.file_uses("llm")
        for name, path in self.templates.items():
            yield FileUse(f"templates.{name}", path, (".txt",))
        for name, path in self.linear.items():
            yield FileUse(f"linear.{name}", path, (".json",))
        for name, path in self.memories.items():
            yield FileUse(f"memories.{name}", path, (".json",))
        for golden in self.golden:
            yield FileUse("golden.picture", golden.picture, PICTURE_SUFFIXES)

    @model_validator(mode="after")
    def _paths_are_distinct_and_of_a_known_kind(self) -> Manifest:
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            msg = "a path is listed twice"
            raise ValueError(msg)
        for path in paths:
            if not path.endswith(ALLOWED_SUFFIXES):
                msg = f"{path!r} is of a kind that a bundle may not hold (only {' '.join(ALLOWED_SUFFIXES)})"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _no_key_revokes_itself(self) -> Manifest:
        if self.key_id in self.revoked_keys:
            msg = f"key {self.key_id} signs it and is revoked by it: sign it with another key"
            raise ValueError(msg)
        both = {key_id(bytes.fromhex(one)) for one in self.new_keys} & set(self.revoked_keys)
        if both:
            msg = f"key {min(both)} is new and revoked"
            raise ValueError(msg)
        return self


def parse_manifest(raw: bytes) -> Manifest:
    """Parse a manifest from its bytes.

    Raises:
        ManifestError: not JSON, or not a manifest of this schema.
    """
    try:
        return read_json(Manifest, raw)
    except ValidationError as err:
        msg = f"{MANIFEST_NAME}: {first_mistake(err, Manifest)}: see `kotoba-config schema manifest`"
        raise ManifestError(msg) from err
    except ValueError as err:
        msg = f"{MANIFEST_NAME} is not JSON that a bundle may hold ({err}): take the bundle from its builder again"
        raise ManifestError(msg) from err


def _by_content(value: Any, contents: dict[str, str]) -> Any:  # noqa: ANN401 -- any JSON value
    """Replace each file's path by the digest of its content, and leave out the keys that only operators read."""
    if isinstance(value, dict):
        return {key: _by_content(part, contents) for key, part in value.items() if key not in READ_BY_OPERATORS}
    if isinstance(value, list):
        return [_by_content(part, contents) for part in value]
    return contents.get(value, value) if isinstance(value, str) else value
