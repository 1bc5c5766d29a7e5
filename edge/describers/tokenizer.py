"""Reads the tokenizer of a bundle."""

from __future__ import annotations

from tokenizers import Tokenizer

from edge.bundle.open import Bundle
from edge.errors import BundleError
from firmware_config.strict_json import parse_json


def read_tokenizer(bundle: Bundle, name: str) -> Tokenizer:
    """Read the tokenizer.json at the path `name` inside the bundle.

    Raises:
        BundleError: the bundle does not list it, or it is no tokenizer.
        ManifestError: its content is not what the manifest lists.
    """
    text = bundle.text(name)
    try:
        parse_json(text.encode())
        return Tokenizer.from_str(text)
    except Exception as err:  # tokenizers raises `Exception` itself
        msg = f"reading {name} of bundle {bundle.manifest.name}: it is no tokenizer ({str(err)[:200]}): build the bundle again"
        raise BundleError(msg) from err
