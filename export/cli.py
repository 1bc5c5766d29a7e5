"""The command `kotoba-export`: make bundles and prove them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import ValidationError

from edge.errors import EdgeError
from export.cache import Cache
from export.errors import BuildError, ExportError, SpecError
from export.model_sources import BlipSource, ClipSource, LlmSource, Quantisation
from export.spec import read_spec
from export.studies.typographic_attack import command as attack_command
from firmware_config.board import Precision, read_board
from firmware_config.errors import ConfigError, first_mistake
from firmware_config.exit_codes import BAD_CONFIG, DONE, FAILED
from firmware_config.signature import read_trusted_keys
from firmware_config.station import read_station
from firmware_config.version import add_version_option
from firmware_config.write import write_atomic

if TYPE_CHECKING:
    from export.proof.figures import Figure

_Source = TypeVar("_Source", ClipSource, BlipSource, LlmSource)

STATE = Path(".kotoba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    # Before onnxruntime's quantizer is loaded, which else has every library tell whatever it does.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (SpecError, ConfigError) as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return BAD_CONFIG
    except (ExportError, EdgeError) as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kotoba-export", description="Make bundles and prove them.")
    add_version_option(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="make a signed bundle from a specification")
    build.add_argument("spec", type=Path, metavar="SPEC.toml")
    build.add_argument("--out", type=Path, metavar="DIR", help=f"the bundle's folder (default: {STATE}/bundles/NAME)")
    build.add_argument("--key", type=Path, default=STATE / "keys" / "builder.key", help="private key, made on first use (%(default)s)")
    build.add_argument("--cache", type=Path, default=STATE / "cache", help="keeps what was made once (default: %(default)s)")
    build.add_argument("--archive", action="store_true", help="also write DIR.kbundle")
    build.add_argument("--explain", type=Path, metavar="FILE.png", help="draw the proof of the models that were made")
    build.set_defaults(command=_build)

    verify = commands.add_parser("verify", help="prove a bundle: signature, digests, golden verdicts; exit 1 when one differs")
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder or its .kbundle file")
    verify.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    verify.set_defaults(command=_verify)

    _model_parsers(commands)

    vocabulary = commands.add_parser("vocabulary", help="add words to a bundle, which becomes its next version")
    vocabulary.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder or its .kbundle file")
    vocabulary.add_argument("--tags", type=Path, nargs="+", default=[], metavar="FILE", help="a word a line, or word, tab, translation")
    vocabulary.add_argument("--attributes", type=Path, nargs="+", default=[], metavar="FILE")
    vocabulary.add_argument("--out", type=Path, required=True, metavar="DIR", help="the new bundle's folder; may be BUNDLE")
    vocabulary.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    vocabulary.add_argument("--key", type=Path, default=STATE / "keys" / "builder.key", help="private key to sign with (%(default)s)")
    vocabulary.set_defaults(command=_vocabulary)

    pilot = commands.add_parser("pilot", help="how good a bundle is on the labelled cells of ELPV, beside the controls: a page of Markdown")
    pilot.add_argument(
        "jsonl", type=Path, nargs="+", metavar="JSONL", help="lines of `kotoba-edge inspect` over all cells, one file for each seed"
    )
    pilot.add_argument("--bundle", type=Path, default=STATE / "starter", help="default: %(default)s")
    pilot.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    pilot.add_argument("--station", type=Path, required=True, metavar="FILE", help="the station with which they were inspected")
    pilot.add_argument(
        "--adapter",
        type=Path,
        action="append",
        default=[],
        metavar="GGUF",
        help="a tuning of which the judge's adapter is the mean, alone; repeatable",
    )
    pilot.add_argument(
        "--examples", type=Path, metavar="JSONL", help="the pictures that tuned the judge: one control more learns from them"
    )
    pilot.add_argument("--out", type=Path, metavar="FILE", help="default: stdout")
    pilot.set_defaults(command=_pilot)

    trust = commands.add_parser("trust", help="what a bundle's confidence is worth on the cells of ELPV: a page of Markdown and its plots")
    trust.add_argument("jsonl", type=Path, metavar="JSONL", help="lines of `kotoba-edge inspect` over all cells")
    trust.add_argument("--bundle", type=Path, default=STATE / "starter", help="default: %(default)s")
    trust.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    trust.add_argument("--station", type=Path, required=True, metavar="FILE", help="the station with which they were inspected")
    trust.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="the page; trust-*.png go beside it")
    trust.set_defaults(command=_trust)
    attack_command.register(commands, state=STATE, progress=_Progress)

    for command in commands.choices.values():
        command.add_argument("--board", default="cpu", help="board profile to run on (default: %(default)s)")
    return parser


def _model_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`clip`, `blip` and `llm`: one artefact each."""
    clip = commands.add_parser("clip", help="a CLIP or SigLIP from Hugging Face to ONNX, with vocabularies, proven")
    blip = commands.add_parser("blip", help="a captioning BLIP from Hugging Face to ONNX, proven")
    llm = commands.add_parser("llm", help="an instruct model from Hugging Face to GGUF, with a plain template and its adapters")
    for command in (clip, blip, llm):
        command.add_argument("folder", type=Path, metavar="FOLDER", help="the model's folder, as Hugging Face writes it")
        command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the artefacts' folder, which a specification names")
        command.add_argument("--cache", type=Path, default=STATE / "cache", help="keeps what was made once (default: %(default)s)")
    for command in (clip, blip):
        command.add_argument("--precision", choices=get_args(Precision), help="default: the board's")
        command.add_argument("--pictures", type=Path, required=True, metavar="DIR", help="real pictures to prove it on")
        command.add_argument("--explain", type=Path, metavar="FILE.png", help="draw the proof")
    for kind in ("tags", "attributes"):
        clip.add_argument(f"--{kind}", type=Path, nargs="+", metavar="FILE", help="default: words of industrial inspection")
    clip.add_argument("--prompts", nargs="+", metavar="TEXT", help="an ensemble such as 'a photo of {}'")
    clip.set_defaults(command=_clip)
    blip.add_argument("--decoder-precision", choices=get_args(Precision), help="default: the board's")
    blip.add_argument("--prompt", metavar="TEXT", help="prefix of every caption, such as 'a picture of' (default: none)")
    blip.add_argument("--drafts", type=Path, nargs="+", metavar="FILE", help="captions as they may be said, one a line: then said sooner")
    blip.set_defaults(command=_blip)
    llm.add_argument("--quantisation", choices=get_args(Quantisation), default="Q4_0", help="default: %(default)s")
    llm.add_argument("--adapters", type=Path, nargs="*", metavar="FOLDER", help="LoRA folders of peft; the name is the folder's")
    llm.set_defaults(command=_llm)


def _clip(options: argparse.Namespace) -> int:
    from export.models.artefacts import pictures_of
    from export.models.clip.make import open_clip
    from export.models.steps import clip_part

    work = open_clip(_source(ClipSource, options), pictures_of(options.pictures))
    with _explained(options.explain) as explain, _Progress() as say:
        part = clip_part(work, cache=Cache(options.cache), say=say)
        explain(part.figures)
    return _handed_over(part.artefacts, options.out, part.figures)


def _blip(options: argparse.Namespace) -> int:
    from export.models.artefacts import pictures_of
    from export.models.blip.make import open_blip
    from export.models.steps import blip_part

    work = open_blip(_source(BlipSource, options), pictures_of(options.pictures))
    with _explained(options.explain) as explain, _Progress() as say:
        part = blip_part(work, cache=Cache(options.cache), say=say)
        explain(part.figures)
    return _handed_over(part.artefacts, options.out, part.figures)


def _llm(options: argparse.Namespace) -> int:
    from export.models.artefacts import hand_over
    from export.models.llm.convert import read_llm
    from export.models.llm.steps import quantized_gguf
    from export.models.steps import llm_part

    wanted = _source(LlmSource, options)
    checkpoint = read_llm(options.folder, wanted.adapters)
    with _Progress() as say:
        part = llm_part(checkpoint, wanted.adapters, cache=Cache(options.cache), say=say)
        model = quantized_gguf(part.original, options.quantisation, cache=Cache(options.cache), report=say)
        made = hand_over(part.artefacts, options.out, model=model)
    for path in made:
        print(path)
    return DONE


def _source(kind: type[_Source], options: argparse.Namespace) -> _Source:
    """A section of a specification, from the options of a command; what was not given is left to the section."""
    board = dict.fromkeys(("precision", "decoder_precision"), read_board(options.board).precision)
    given = board | {name: value for name, value in vars(options).items() if value is not None}
    try:
        return kind.model_validate({name: value for name, value in given.items() if name in kind.model_fields})
    except ValidationError as err:
        msg = f"{options.folder}: {first_mistake(err)}: correct the option"
        raise SpecError(msg) from err


def _handed_over(artefacts: Path, out: Path, figures: Sequence[Figure]) -> int:
    from export.models.artefacts import hand_over
    from export.proof.figures import table

    hand_over(artefacts, out)
    print(table(figures))
    return DONE


@contextmanager
def _explained(picture: Path | None) -> Iterator[Callable[[Sequence[Figure]], None]]:
    """Draw the proof, also that of a limit which is broken; nothing without `picture`."""
    from export.proof.chart import draw
    from export.proof.figures import ProofError

    try:
        yield lambda figures: None if picture is None else draw(figures, (), picture)
    except ProofError as err:
        if picture is not None:
            draw(err.figures, err.suspects, picture)
        raise


def _build(options: argparse.Namespace) -> int:
    from export.bundle.build import build
    from export.bundle.verify import golden_table, unexpected
    from export.proof.figures import table

    board = read_board(options.board)
    spec = read_spec(options.spec, precision=board.precision)
    out = options.out or STATE / "bundles" / spec.name
    with _explained(options.explain) as explain, _Progress() as say:
        built = build(spec, out=out, key=options.key, cache=Cache(options.cache), archive=options.archive, board=board, say=say)
        explain(built.figures)
    if built.figures:
        print(table(built.figures), end="\n\n")
    print(golden_table(built.golden, built.labels), end="\n\n")
    verdicts = f"{len(built.golden)} golden verdicts ({len(unexpected(built.golden, built.labels))} NOT as expected)"
    print(f"{built.root}: bundle {spec.name} version {spec.version}, {verdicts}, {built.digest}")
    if built.archive is not None:
        print(f"{built.archive}: its archive, {built.archive.stat().st_size / 1e6:.1f} MB")
    return DONE


def _verify(options: argparse.Namespace) -> int:
    from export.bundle.verify import golden_table, opened, unexpected, verify_golden

    trusted = read_trusted_keys(options.keys)
    with _Progress() as say, opened(options.bundle, trusted=trusted) as bundle:
        verified = verify_golden(bundle, board=read_board(options.board), say=say)
    golden, labels = bundle.manifest.golden, verified.labels
    print(golden_table(golden, labels, verified.comparisons), end="\n\n")
    different = sum(not comparison.is_same for comparison in verified.comparisons)
    if different:
        msg = f"{different} of {len(golden)} golden verdicts of {options.bundle} differ on this machine: build the bundle here"
        raise BuildError(msg)
    verdicts = f"{len(golden)} golden verdicts ({len(unexpected(golden, labels))} NOT as expected)"
    print(f"{options.bundle}: verified signature, {len(bundle.manifest.files)} files and {verdicts}, {bundle.digest}")
    return DONE


def _vocabulary(options: argparse.Namespace) -> int:
    from export.bundle.add_words import add_words

    words = {"tags": options.tags, "attributes": options.attributes}
    trusted = read_trusted_keys(options.keys)
    with _Progress() as say:
        made = add_words(
            options.bundle, options.out, words=words, trusted=trusted, key=options.key, board=read_board(options.board), say=say
        )
    for before, after in made.changed:
        verdicts = [f"{golden.decision} {golden.label} {golden.probability:.4f}" for golden in (before, after)]
        print(f"{before.picture}: was {verdicts[0]}, is {verdicts[1]}")
    print(f"{made.root}: version {made.version}, {len(made.changed)} golden verdicts changed, {made.digest}")
    return DONE


def _pilot(options: argparse.Namespace) -> int:
    from export.bundle.verify import opened
    from export.studies.results import page, read_study
    from export.tuning.examples import read_examples

    given = " ".join(map(str, [*options.jsonl, *(f"--adapter {path}" for path in options.adapter)]))
    given += f" --examples {options.examples}" if options.examples else ""
    command = f"kotoba-export pilot {given} --station {options.station} --bundle {options.bundle} --keys {options.keys}"
    command += f" --out {options.out}" if options.out else ""
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        board, station = read_board(options.board), read_station(options.station)
        examples = read_examples(options.examples, station.labels) if options.examples else ()
        studies = [read_study(path, bundle, station) for path in options.jsonl]
        text = page(studies, bundle, board, station, adapters=options.adapter, examples=examples, command=command)
    if options.out is None:
        print(text)
    else:
        write_atomic(options.out, text.encode())
    return DONE


def _trust(options: argparse.Namespace) -> int:
    from export.bundle.verify import opened
    from export.studies.results import read_study
    from export.studies.trust.page import write_page

    command = f"kotoba-export trust {options.jsonl} --station {options.station} --bundle {options.bundle} --keys {options.keys}"
    command += f" --out {options.out}"
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        board, station = read_board(options.board), read_station(options.station)
        write_page(read_study(options.jsonl, bundle, station), bundle, board, station, command=command, out=options.out)
    return DONE


class _Progress:
    """One line on stderr that is written over; nothing when nobody watches, but for lines that end with a newline, which stay."""

    def __enter__(self) -> Callable[[str], None]:
        return self._say

    def __exit__(self, *_: object) -> None:
        self._say("")

    def _say(self, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
        elif what.endswith("\n"):
            print(what, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
