"""The instruction template of a station: a file of its own, or one of the bundle."""

from __future__ import annotations

from edge.bundle.open import Bundle
from edge.errors import BundleError
from firmware_config.bundle_parts import missing_template
from firmware_config.station import Station
from firmware_config.verified_file import StoredFile, content_of

MAX_TEMPLATE_CHARACTERS, MAX_UTF_8_BYTES = 100_000, 4
"""An instruction is some hundred words; a longer file does not fit into a context and is a mistake."""


def read_template(bundle: Bundle, station: Station) -> str:
    """Read the text of the station's instruction template, slots unfilled.

    Raises:
        BundleError: the bundle has no template of that name, or the file is missing, too large or not UTF-8.
    """
    settings, missing = station.judge, missing_template(station, bundle.manifest)
    if missing is not None:
        raise BundleError(missing)
    path: StoredFile = settings.template_file or bundle.file(bundle.manifest.templates[settings.template])
    try:
        raw = content_of(path, limit=MAX_UTF_8_BYTES * MAX_TEMPLATE_CHARACTERS)
        template = raw.decode(errors="strict" if len(raw) <= MAX_UTF_8_BYTES * MAX_TEMPLATE_CHARACTERS else "replace")
        template = template.replace("\r\n", "\n").replace("\r", "\n")
    except OSError as err:
        msg = f"instruction template {path} cannot be read ({err.strerror}): correct [judge] template_file or put the file there"
        raise BundleError(msg) from err
    except UnicodeDecodeError as err:
        msg = f"instruction template {path} is not UTF-8 text: save it as UTF-8"
        raise BundleError(msg) from err
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        msg = f"instruction template {path} has more than {MAX_TEMPLATE_CHARACTERS} characters: shorten it"
        raise BundleError(msg)
    return template
