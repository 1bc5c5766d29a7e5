"""A copy of a product that comes along, to be changed for a part of one's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from export.errors import SpecError
from export.products.guide import read_guide
from export.products.product import BUILT_IN, FILE_NAME, read_product


def copy_product(name: str, folder: Path) -> None:
    """Copy the product.toml and the masks of a product that comes along to a folder that does not exist yet.

    Raises:
        SpecError: there is no such product, the folder exists, or it cannot be written.
    """
    read_guide(name)
    if folder.exists():
        msg = f"product {name} cannot be copied to {folder}, which already exists: give the name of a new folder"
        raise SpecError(msg)
    masks = read_product(name).masks
    try:
        folder.mkdir(parents=True)
        shutil.copyfile(BUILT_IN / name / FILE_NAME, folder / FILE_NAME)
        if masks is not None:
            shutil.copytree(masks, folder / masks.name)
    except OSError as err:
        msg = f"product {name} cannot be copied to {folder} ({err.strerror}): give another folder"
        raise SpecError(msg) from err
