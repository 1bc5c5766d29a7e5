"""`kotoba-export product`: the products that come along, when to use which, and a copy of one to begin with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from export.commands.options import Commands
from export.errors import SpecError
from firmware_config.exit_codes import DONE
from firmware_config.verbs import add_verb
from firmware_config.write import write_atomic

if TYPE_CHECKING:
    from export.painting.scene import Image
    from export.products.guide import Guide, Language, Said
    from export.products.product import Product

HEADS = {
    "en": {
        "use_for": "use it for",
        "not_for": "not for",
        "capture": "how to take pictures",
        "look_out": "look out for",
        "labels": "labels",
        "defects": "kinds of defect",
        "harmless": "harmless",
        "tags": "tags",
        "attributes": "attributes",
        "captions": "captions",
    },
    "ja": {
        "use_for": "用途",
        "not_for": "向かない用途",
        "capture": "撮影",
        "look_out": "注意点",
        "labels": "ラベル",
        "defects": "不良の種類",
        "harmless": "無害なもの",
        "tags": "タグ",
        "attributes": "属性",
        "captions": "説明文",
    },
}
EXAMPLE_CAPTIONS = 4


def register(commands: Commands) -> None:
    """Add the verbs."""
    summary = "Choose a product that comes along, look at it, and begin with a copy of it."
    verbs = commands.add_parser("product", help=summary, description=summary).add_subparsers(required=True, metavar="VERB")
    listing = add_verb(
        verbs,
        "list",
        summary="List the products that come along, each with its business and what to use it for.",
        example="kotoba-export product list",
    )
    _add_language_option(listing)
    listing.set_defaults(command=_list)
    show = add_verb(
        verbs,
        "show",
        summary="Print when to use a product, how to take pictures, what to look out for, its labels, kinds of defect and words.",
        example="kotoba-export product show weld --language ja",
    )
    show.add_argument("name", metavar="NAME", help="The name of a product that comes along.")
    _add_language_option(show)
    show.set_defaults(command=_show)
    _register_new(verbs)
    _register_sheet(verbs)


def _register_new(verbs: Commands) -> None:
    new = add_verb(
        verbs,
        "new",
        summary="Write a copy of a product and a specification of what to teach, to be changed for a part of your own.",
        details="DIR/product/product.toml says what may go wrong; DIR/teach.toml has the labels with meanings and decisions.",
        example="kotoba-export product new surface housing --good pictures/good",
    )
    new.add_argument("name", metavar="NAME", help="The name of a product that comes along.")
    new.add_argument("folder", type=Path, metavar="DIR", help="The folder to write; it must not exist.")
    new.add_argument("--good", type=Path, required=True, metavar="DIR", help="The folder of pictures of good parts to teach from.")
    new.set_defaults(command=_new)


def _register_sheet(verbs: Commands) -> None:
    sheet = add_verb(
        verbs,
        "sheet",
        summary="Draw each kind of defect and each harmless thing of a product on good pictures.",
        details="Look at it before you teach: what does not look like your defects teaches the wrong thing.",
        example="kotoba-export product sheet surface --out sheet.png --good pictures/good",
    )
    sheet.add_argument("product", metavar="PRODUCT", help="The folder of a product, or the name of one that comes along.")
    sheet.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="The picture to write.")
    sheet.add_argument("--good", type=Path, metavar="DIR", help="A folder of pictures of good parts. Default: a neutral grey surface.")
    sheet.add_argument(
        "--seed", type=int, default=0, metavar="N", help="Another number draws other places and sizes. Default: %(default)s."
    )
    sheet.set_defaults(command=_sheet)


def _add_language_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--language", choices=("en", "ja"), default="en", help="The language of the text. Default: %(default)s.")


def _list(options: argparse.Namespace) -> int:
    from export.products.guide import read_guide
    from export.products.product import built_in_products

    for name in built_in_products():
        guide = read_guide(name)
        print(f"{name:<14}{guide.business.text(options.language)}\n{'':<14}{guide.use_for.text(options.language)}")
    return DONE


def _show(options: argparse.Namespace) -> int:
    from export.products.guide import read_guide
    from export.products.product import read_product

    guide = read_guide(options.name)
    product = read_product(options.name)
    print("\n".join((*_guide_lines(guide, product, options.language), *_word_lines(product, options.language))))
    return DONE


def _guide_lines(guide: Guide, product: Product, language: Language) -> Iterator[str]:
    heads = HEADS[language]
    yield f"{product.name}: {guide.business.text(language)}"
    sections: dict[str, Sequence[Said]] = {
        "use_for": (guide.use_for,),
        "not_for": (guide.not_for,),
        "capture": guide.capture,
        "look_out": guide.look_out,
    }
    for key, sentences in sections.items():
        yield f"\n{heads[key]}"
        yield from (f"  {sentence.text(language)}" for sentence in sentences)
    yield f"\n{heads['labels']}"
    for label in guide.labels:
        meaning = label.meaning if language == "en" else label.meaning_ja
        yield f"  {label.name if language == 'en' else f'{label.name} ({label.ja})'} [{label.decision}]: {meaning}"


def _word_lines(product: Product, language: Language) -> Iterator[str]:
    from export.products.captions import examples
    from export.products.wording import wording_of

    heads, wording = HEADS[language], wording_of(product)
    things = {"defects": [(kind.name, kind.ja) for kind in product.defects], "harmless": [(one.name, one.ja) for one in product.harmless]}
    words = {"tags": wording.tags, "attributes": wording.attributes}
    things |= {key: [(text, wording.translations[text]) for text in texts] for key, texts in words.items()}
    for key, pairs in things.items():
        named = [text if language == "en" else f"{text} ({ja})" for text, ja in pairs]
        yield f"\n{heads[key]} ({len(pairs)})\n  {', '.join(named)}"
    yield f"\n{heads['captions']}"
    yield from (f"  {sentence}" for sentence in examples(product, EXAMPLE_CAPTIONS))


def _new(options: argparse.Namespace) -> int:
    from export.products.copy import copy_product
    from export.products.guide import read_guide
    from export.teach.new_spec import teach_text

    guide, folder = read_guide(options.name), options.folder
    labels = [(label.label, f"{label.ja}: {label.meaning_ja}") for label in guide.labels]
    text = teach_text(folder.name, options.good, near=folder.absolute(), labels=labels)
    if folder.exists():
        msg = f"{folder} already exists: give the name of a new folder"
        raise SpecError(msg)
    copy_product(options.name, folder / "product")
    _write(folder / "teach.toml", text.encode())
    print(f"{folder}/product/product.toml: a copy of {options.name}; change it to your part")
    print(f"{folder}/teach.toml: written; look at its labels, then `kotoba-export teach {folder}/teach.toml --check`")
    return DONE


def _sheet(options: argparse.Namespace) -> int:
    import cv2

    from export.products.gallery import draw_gallery, gallery, neutral_pictures
    from export.products.product import read_product

    product = read_product(options.product)
    canvases = neutral_pictures(product) if options.good is None else _good(product, options.good)
    shown = list(gallery(product, canvases, seed=options.seed))
    _write(options.out, cv2.imencode(".png", draw_gallery(shown))[1].tobytes())
    print(f"{options.out}: {len(product.defects)} kinds of defect and {len(product.harmless)} harmless things of {product.name}")
    for one in shown:
        if not one.pictures:
            print(f"kotoba-export: warning: {one.name!r} cannot be seen on these pictures: change its painter or size", file=sys.stderr)
    return DONE


def _good(product: Product, folder: Path) -> list[Image]:
    """Up to eight pictures of a folder, as the eye of a product sees them."""
    from export.products.canvases import read_for_eye
    from firmware_config.bundle import PICTURE_SUFFIXES

    if not folder.is_dir():
        msg = f"{folder} is no folder: give --good a folder with pictures of good parts"
        raise SpecError(msg)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        msg = f"{folder} holds no picture: give --good a folder with pictures of good parts"
        raise SpecError(msg)
    return [read_for_eye(product, path) for path in paths[:: max(1, len(paths) // 8)][:8]]


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomic(path, content)
    except OSError as err:
        msg = f"{path} cannot be written ({err.strerror}): give another path"
        raise SpecError(msg) from err
