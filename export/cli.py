"""The command `kotoba-export`: make bundles and prove them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from export.errors import BuildError, ExportError, SpecError
from export.spec import read_spec
from firmware_config.board import read_board
from firmware_config.errors import ConfigError
from firmware_config.signature import read_trusted_keys
from firmware_config.station import read_station
from firmware_config.write import write_atomic

DONE, FAILED, BAD_CONFIG = 0, 1, 78
"""Exit codes; 2, wrong usage, is argparse's own. 78 is EX_CONFIG of sysexits.h."""

STATE = Path(".kotoba")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except (SpecError, ConfigError) as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return BAD_CONFIG
    except ExportError as err:
        print(f"kotoba-export: {err}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kotoba-export", description="Make bundles and prove them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="make a signed bundle from a specification")
    build.add_argument("spec", type=Path, metavar="SPEC.toml")
    build.add_argument("--out", type=Path, metavar="DIR", help=f"the bundle's folder (default: {STATE}/bundles/NAME)")
    build.add_argument("--key", type=Path, default=STATE / "keys" / "builder.key", help="private key, made on first use (%(default)s)")
    build.add_argument("--cache", type=Path, default=STATE / "cache", help="keeps requantised models (default: %(default)s)")
    build.add_argument("--archive", action="store_true", help="also write DIR.kbundle")
    build.set_defaults(command=_build)

    verify = commands.add_parser("verify", help="prove a bundle: signature, digests, golden verdicts; exit 1 when one differs")
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder or its .kbundle file")
    verify.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    verify.set_defaults(command=_verify)

    _model_parsers(commands)

    pilot = commands.add_parser("pilot", help="how good a bundle is on the labelled cells of ELPV, beside the controls: a page of Markdown")
    pilot.add_argument(
        "jsonl", type=Path, nargs="+", metavar="JSONL", help="lines of `kotoba-edge inspect` over all cells, one file for each seed"
    )
    pilot.add_argument("--bundle", type=Path, default=STATE / "starter", help="default: %(default)s")
    pilot.add_argument("--keys", type=Path, default=STATE / "keys", help="folder of trusted .pub keys (default: %(default)s)")
    pilot.add_argument("--station", type=Path, required=True, metavar="FILE", help="the station with which they were inspected")
    pilot.add_argument(
        "--adapter", type=Path, action="append", default=[], metavar="GGUF", help="another tuning of the judge, for the same words; repeatable"
    )
    pilot.add_argument("--out", type=Path, metavar="FILE", help="default: stdout")
    pilot.set_defaults(command=_pilot)

    for command in (build, verify, pilot):
        command.add_argument("--board", default="cpu", help="board profile to run on (default: %(default)s)")
    return parser


def _model_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`clip`, `blip` and `llm`: one artefact each."""
    # The names stand here a second time so that --help does not load torch; a test holds them equal.
    precisions = ("fp32", "fp16", "int8", "int8-full", "int8-static", "int4")
    clip = commands.add_parser("clip", help="a CLIP or SigLIP from Hugging Face to ONNX, with vocabularies, proven")
    blip = commands.add_parser("blip", help="a captioning BLIP from Hugging Face to ONNX, proven")
    llm = commands.add_parser("llm", help="an instruct model from Hugging Face to GGUF, with a plain template and its adapters")
    for command in (clip, blip, llm):
        command.add_argument("source", type=Path, metavar="FOLDER", help="the model's folder, as Hugging Face writes it")
        command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the artefacts' folder, which a specification names")
    for command in (clip, blip):
        command.add_argument("--precision", choices=precisions, default="int8", help="default: %(default)s")
        command.add_argument("--pictures", type=Path, nargs="+", required=True, metavar="FILE", help="real pictures to prove it on")
    seed = Path(__file__).with_name("vocabularies")
    for kind in ("tags", "attributes"):
        default = seed / f"{kind}.tsv"
        clip.add_argument(
            f"--{kind}", type=Path, nargs="+", default=[default], metavar="FILE", help="default: words of industrial inspection"
        )
    clip.add_argument("--prompt", nargs="+", default=["a photo of {}", "{}"], metavar="TEXT", help="an ensemble, default: %(default)s")
    clip.set_defaults(command=_clip)
    blip.add_argument("--decoder-precision", choices=precisions, default="int8", help="default: %(default)s")
    blip.add_argument("--prompt", default="", metavar="TEXT", help="prefix of every caption, such as 'a picture of' (default: none)")
    blip.set_defaults(command=_blip)
    llm.add_argument(
        "--quantisation", choices=("F16", "Q4_0", "Q4_1", "Q4_K_M", "Q5_K_M", "Q8_0"), default="Q4_0", help="default: %(default)s"
    )
    llm.add_argument("--adapter", type=Path, nargs="*", default=[], metavar="FOLDER", help="LoRA folders of peft; the name is the folder's")
    llm.set_defaults(command=_llm)


def _clip(options: argparse.Namespace) -> int:
    from export.artefacts import make_clip
    from export.proof import table

    with _Progress() as say:
        figures = make_clip(
            options.source, options.out, precision=options.precision, tags=options.tags, attributes=options.attributes,
            prompts=options.prompt, pictures=options.pictures, say=say,
        )  # fmt: skip
    print(table(figures))
    return DONE


def _blip(options: argparse.Namespace) -> int:
    from export.artefacts import make_blip
    from export.proof import table

    with _Progress() as say:
        figures = make_blip(
            options.source, options.out, precision=options.precision, decoder=options.decoder_precision,
            prompt=options.prompt, pictures=options.pictures, say=say,
        )  # fmt: skip
    print(table(figures))
    return DONE


def _llm(options: argparse.Namespace) -> int:
    from export.hf_llm import make_llm

    with _Progress() as say:
        made = make_llm(options.source, options.out, quantisation=options.quantisation, adapters=options.adapter, say=say)
    for path in made:
        print(path)
    return DONE


def _build(options: argparse.Namespace) -> int:
    from export.pack import build

    spec = read_spec(options.spec)
    out = options.out or STATE / "bundles" / spec.name
    with _Progress() as say:
        built = build(
            spec, out=out, key=options.key, cache=options.cache, archive=options.archive, board=read_board(options.board), say=say
        )
    print(f"{built.root}: bundle {spec.name} version {spec.version}, {len(built.golden)} golden verdicts, {built.digest}")
    if built.archive is not None:
        print(f"{built.archive}: its archive, {built.archive.stat().st_size / 1e6:.1f} MB")
    return DONE


def _verify(options: argparse.Namespace) -> int:
    from export.verify import compare, opened

    trusted = read_trusted_keys(options.keys)
    with _Progress() as say, opened(options.bundle, trusted=trusted) as bundle:
        compared = compare(bundle, board=read_board(options.board), say=say)
    for one in compared:
        expected = one.expected
        line = f"{expected.picture:40} {expected.label} {expected.probability:.4f}"
        print(f"{'same  ' if one.same else 'DIFFERS'} {line}" + ("" if one.same else f", now {one.label} {one.probability:.4f}"))
    different = sum(not one.same for one in compared)
    if different:
        msg = f"{different} of {len(compared)} golden verdicts of {options.bundle} differ on this machine: build the bundle here"
        raise BuildError(msg)
    print(f"{options.bundle}: signature, {len(bundle.manifest.files)} files and {len(compared)} golden verdicts are right, {bundle.digest}")
    return DONE


def _pilot(options: argparse.Namespace) -> int:
    from export.pilot.report import page, read_study
    from export.verify import opened

    studies = [read_study(path) for path in options.jsonl]
    given = " ".join(map(str, [*options.jsonl, *(f"--adapter {path}" for path in options.adapter)]))
    command = f"kotoba-export pilot {given} --station {options.station} --bundle {options.bundle}"
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        board, station = read_board(options.board), read_station(options.station)
        text = page(studies, bundle, board, station, adapters=options.adapter, command=command)
    if options.out is None:
        print(text)
    else:
        write_atomic(options.out, text.encode())
    return DONE


class _Progress:
    """One line on stderr that is written over; nothing when nobody watches."""

    def __enter__(self) -> Callable[[str], None]:
        return self._say

    def __exit__(self, *_: object) -> None:
        self._say("")

    def _say(self, what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
