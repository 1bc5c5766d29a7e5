"""`kotoba-export new` and `schema`: write the specification of a bundle, and explain what people write."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pydantic import BaseModel

from export.commands.options import STATE, Commands
from export.errors import SpecError
from export.spec import BundleSpec
from firmware_config.exit_codes import DONE
from firmware_config.verbs import add_verb
from firmware_config.write import write_atomic


def register(commands: Commands) -> None:
    """Add the two verbs."""
    new = add_verb(
        commands,
        "new",
        summary="Write a commented specification of a bundle, of what to teach, or of a pilot, with every key and its default.",
        details="A folder of models fills it in: checkpoints of Hugging Face, LoRA folders of PEFT and a .gguf file. A folder of pictures "
        "of good parts makes it a specification of what to teach, labelled pictures that of a pilot.",
        example="kotoba-export new line3.toml --models models",
    )
    new.add_argument("spec", type=Path, metavar="SPEC.toml", help="The file to write; it must not exist.")
    source = new.add_mutually_exclusive_group()
    source.add_argument("--models", type=Path, metavar="DIR", help="A folder with models, or of one model. Default: names to fill in.")
    source.add_argument("--teach", type=Path, metavar="DIR", help="A folder of pictures of good parts to teach from. Default: no teaching.")
    source.add_argument(
        "--pilot",
        type=Path,
        metavar="PICTURES",
        help="Labelled pictures to try a bundle on: a folder, a .csv or a .toml. Default: no pilot.",
    )
    new.set_defaults(command=_new)
    schema = add_verb(
        commands,
        "schema",
        summary="Print the JSON Schema of a bundle's specification, of a product, of what to teach, of a cost study, or of a pilot.",
        example="kotoba-export schema product",
    )
    schema.add_argument(
        "kind",
        nargs="?",
        choices=("bundle", "product", "teach", "cost", "pilot"),
        default="bundle",
        help="What the schema is of. Default: %(default)s.",
    )
    schema.set_defaults(command=_schema)


def _new(options: argparse.Namespace) -> int:
    from export.bundle.new_spec import find_models, spec_text

    if options.spec.exists():
        msg = f"{options.spec} already exists: give the name of a new file"
        raise SpecError(msg)
    name, near = options.spec.stem, options.spec.absolute().parent
    if options.teach is not None:
        from export.teach.new_spec import teach_text

        text, verb = teach_text(name, options.teach, near=near), "teach"
    elif options.pilot is not None:
        from export.pilot.new_spec import pilot_text

        text = pilot_text(name, options.pilot, bundle=STATE / "starter", keys=STATE / "keys", near=near)
        verb = "pilot"
    else:
        text, verb = spec_text(name, None if options.models is None else find_models(options.models), near=near), "build"
    try:
        write_atomic(options.spec, text.encode())
    except OSError as err:
        msg = f"{options.spec} cannot be written ({err.strerror}): give another path"
        raise SpecError(msg) from err
    print(f"{options.spec}: written; fill it in, then `kotoba-export {verb} {options.spec}`")
    return DONE


def _schema(options: argparse.Namespace) -> int:
    print(json.dumps(_model_of(options.kind).model_json_schema(), indent=2))
    return DONE


def _model_of(kind: str) -> type[BaseModel]:
    if kind == "product":
        from export.products.product import Product  # with its painters it takes OpenCV along

        return Product
    if kind == "teach":
        from export.teach.spec import TeachSpec

        return TeachSpec
    if kind == "cost":
        from export.cost.spec import CostSpec

        return CostSpec
    if kind == "pilot":
        from export.pilot.spec import PilotSpec

        return PilotSpec
    return BundleSpec
