"""`kotoba-export clip`, `blip` and `llm`: export one model of Hugging Face to artefacts, with its proof."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import ValidationError

from export.cache import Cache
from export.commands.charts import charted
from export.commands.options import Commands, Progress, add_cache_option, add_chart_option, add_command
from export.errors import SpecError
from export.model_sources import BlipSource, ClipSource, LlmSource, Quantisation
from firmware_config.board import Precision, read_board
from firmware_config.errors import first_mistake
from firmware_config.exit_codes import DONE

if TYPE_CHECKING:
    from export.proof.figures import Figure

_Source = TypeVar("_Source", ClipSource, BlipSource, LlmSource)


def register(commands: Commands) -> None:
    """Add the three verbs."""
    _register_clip(commands)
    _register_blip(commands)
    _register_llm(commands)


def _register_clip(commands: Commands) -> None:
    clip = add_command(
        commands,
        "clip",
        summary="Export a CLIP or SigLIP to ONNX with its vocabularies, and prove it.",
        example="kotoba-export clip models/clip-vit-base-patch32 --pictures photos --out artefacts",
        run=_clip,
    )
    _add_model_options(clip)
    _add_proof_options(clip)
    for kind in ("tags", "attributes"):
        clip.add_argument(
            f"--{kind}",
            type=Path,
            nargs="+",
            metavar="FILE",
            help=f"Files of {kind}: a word a line, or a word, a tab and its Japanese translation. Default: words of industrial inspection.",
        )
    clip.add_argument(
        "--prompts",
        nargs="+",
        metavar="TEXT",
        help="Sentences around each word, with {} in its place; their embeddings are averaged. Default: 'a photo of {}' and '{}'.",
    )


def _register_blip(commands: Commands) -> None:
    blip = add_command(
        commands,
        "blip",
        summary="Export a captioning BLIP to ONNX, and prove it.",
        example="kotoba-export blip models/blip-image-captioning-base --pictures photos --out artefacts",
        run=_blip,
    )
    _add_model_options(blip)
    _add_proof_options(blip)
    blip.add_argument(
        "--decoder-precision", choices=get_args(Precision), help="The precision of the decoder's graph. Default: the board's precision."
    )
    blip.add_argument("--prompt", metavar="TEXT", help="The beginning of every caption, such as 'a picture of'. Default: none.")
    blip.add_argument(
        "--drafts",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="Files of likely captions, one a line; the decoder checks several tokens of them at a time, which saves steps. Default: none.",
    )


def _register_llm(commands: Commands) -> None:
    llm = add_command(
        commands,
        "llm",
        summary="Convert an instruction-tuned language model to GGUF, with a plain template and its adapters, and prove it.",
        example="kotoba-export llm models/SmolLM2-135M-Instruct --quantisation Q8_0 --out artefacts",
        run=_llm,
    )
    _add_model_options(llm)
    llm.add_argument(
        "--quantisation", choices=get_args(Quantisation), default="Q4_0", help="The quantisation of the weights. Default: %(default)s."
    )
    llm.add_argument(
        "--adapters",
        type=Path,
        nargs="*",
        metavar="FOLDER",
        help="LoRA folders of PEFT. An adapter gets the name of its folder. Default: none.",
    )
    llm.add_argument(
        "--context-tokens", type=int, metavar="N", help="The most tokens of a prompt, as in the specification. Default: 2048 tokens."
    )
    add_chart_option(llm)


def _add_model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="FOLDER", help="The folder of the model, in the layout of Hugging Face.")
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="The folder for the artefacts, which a specification then names."
    )
    add_cache_option(command)


def _add_proof_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--precision", choices=get_args(Precision), help="The precision of the graph. Default: the board's precision.")
    command.add_argument(
        "--pictures", type=Path, required=True, metavar="DIR", help="A folder of real pictures on which the artefact is proven."
    )
    add_chart_option(command)


def _clip(options: argparse.Namespace) -> int:
    from export.models.artefacts import pictures_of
    from export.models.clip.make import check_clip
    from export.models.steps import clip_part

    work = check_clip(_source(ClipSource, options), pictures_of(options.pictures))
    with charted(options.explain) as chart, Progress() as report:
        part = clip_part(work, cache=Cache(options.cache), report=report)
        chart(part.figures)
    return _finish(part.artefacts, options.out, part.figures)


def _blip(options: argparse.Namespace) -> int:
    from export.models.artefacts import pictures_of
    from export.models.blip.make import check_blip
    from export.models.steps import blip_part

    work = check_blip(_source(BlipSource, options), pictures_of(options.pictures))
    with charted(options.explain) as chart, Progress() as report:
        part = blip_part(work, cache=Cache(options.cache), report=report)
        chart(part.figures)
    return _finish(part.artefacts, options.out, part.figures)


def _llm(options: argparse.Namespace) -> int:
    from export.models.artefacts import copy_artefacts
    from export.models.llm.steps import quantized_gguf
    from export.models.steps import check_llm, llm_part
    from export.proof.figures import table

    job = check_llm(_source(LlmSource, options), options.folder)
    with charted(options.explain) as chart, Progress() as report:
        part = llm_part(job, cache=Cache(options.cache), report=report)
        chart(part.figures)
        model = quantized_gguf(part.original, options.quantisation, cache=Cache(options.cache), report=report)
        made = copy_artefacts(part.artefacts, options.out, model=model)
    for adapter in job.adapters:
        print(f"adapter {adapter.folder.name} was trained on {adapter.base or 'a model that it does not name'}")
    print(table(part.figures), end="\n\n")
    for path in made:
        print(path)
    return DONE


def _source(kind: type[_Source], options: argparse.Namespace) -> _Source:
    """A section of a specification from the options of a verb; options that were not given keep the section's defaults.

    Raises:
        SpecError: a value that the section does not accept.
    """
    board = dict.fromkeys(("precision", "decoder_precision"), read_board(options.board).precision)
    given = board | {name: value for name, value in vars(options).items() if value is not None}
    try:
        return kind.model_validate({name: value for name, value in given.items() if name in kind.model_fields})
    except ValidationError as err:
        msg = f"{options.folder}: {first_mistake(err)}: correct the option"
        raise SpecError(msg) from err


def _finish(artefacts: Path, out: Path, figures: Sequence[Figure]) -> int:
    """Copy the artefacts to `out` and print the figures of their proof."""
    from export.models.artefacts import copy_artefacts
    from export.proof.figures import table

    copy_artefacts(artefacts, out)
    print(table(figures))
    return DONE
