"""Every file of a whole bundle is swapped after the bundle was checked and before it is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.describers import open_vision_models
from edge.familiarity.open import open_memory
from edge.inspection.golden import golden_capture, read_golden_station
from edge.judges import open_language_model, open_station_judge
from edge.judges.llama import LlamaModel
from firmware_config.board import read_board
from firmware_config.errors import ManifestError
from firmware_config.signed_bundle import SignedBundle
from firmware_config.station_template import read_template_station
from tests.support.repository import KEYS, STARTER

pytestmark = pytest.mark.long

BOARD = read_board("cpu").model_copy(update={"threads": 2})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_trusted_bundle(Path(shutil.copytree(STARTER, tmp_path_factory.mktemp("swapped") / "bundle")), keys=KEYS)


def describe(bundle: Bundle) -> object:
    station = read_golden_station(bundle)
    words = {"filter": True, "only_true": False, "extra_tags": ("a blue cup",)}
    return open_vision_models(bundle, board=BOARD).describer(station.describe.model_copy(update=words), None)


def judge_by_graph(bundle: Bundle) -> object:
    return open_station_judge(open_language_model(bundle, board=BOARD), bundle=bundle, station=read_golden_station(bundle))


def judge_by_llama(bundle: Bundle) -> object:
    model = LlamaModel(bundle.file("llm/model.gguf"), board=BOARD, context_tokens=512)
    return open_station_judge(model, bundle=bundle, station=read_golden_station(bundle))


def judge_by_words(bundle: Bundle) -> object:
    station = read_golden_station(bundle).with_judge({"method": "linear", "adapter": None, "linear": "starter"})
    return open_station_judge(None, bundle=bundle, station=station)


def remember(bundle: Bundle) -> object:
    station = read_golden_station(bundle)
    familiarity = station.familiarity.model_copy(update={"memory": "starter"})
    return open_memory(bundle, station.model_copy(update={"familiarity": familiarity}))


def make_station(bundle: Bundle) -> object:
    return read_template_station(SignedBundle(bundle.root, bundle.manifest))


def look(picture: str) -> Callable[[Bundle], object]:
    def use(bundle: Bundle) -> object:
        return golden_capture(bundle.file(picture), station=read_golden_station(bundle))

    return use


def with_template(name: str) -> Callable[[Bundle], object]:
    def use(bundle: Bundle) -> object:
        model = LlamaModel(bundle.file("llm/model.gguf"), board=BOARD, context_tokens=1024)
        return open_station_judge(model, bundle=bundle, station=read_golden_station(bundle).with_judge({"template": name}), examples=())

    return use


GOLDEN = [f"golden/{path.name}" for path in sorted((STARTER / "golden").glob("*.png"))]
TEMPLATES = [path.stem for path in sorted((STARTER / "templates").glob("*.txt"))]
VISION = (
    "blip/decoder.onnx", "blip/drafts.txt", "blip/tokenizer.json", "blip/vision.onnx", "clip/attributes.npy", "clip/attributes.txt",
    "clip/foils.json", "clip/tags.npy", "clip/tags.txt", "clip/text.onnx", "clip/tokenizer.json", "clip/vision.onnx",
)  # fmt: skip
USES: dict[str, tuple[Callable[[Bundle], object], ...]] = {
    **dict.fromkeys(VISION, (describe,)),
    "llm/model.gguf": (judge_by_graph, judge_by_llama),
    "llm/model.onnx": (judge_by_graph,),
    "llm/adapters/starter.gguf": (judge_by_graph, judge_by_llama),
    "judges/starter.json": (judge_by_words,),
    "memories/starter.json": (remember,),
    "golden/station.toml": (read_golden_station,),
    "stations/default.toml": (make_station,),
    **{f"templates/{name}.txt": (with_template(name),) for name in TEMPLATES},
    **{name: (look(name),) for name in GOLDEN},
}
READ_BY_PEOPLE = ("clip/*.ja.txt", "licences/*", "sbom.json")


def test_no_file_of_the_bundle_is_forgotten(bundle: Bundle) -> None:
    rest = {file.path for file in bundle.manifest.files} - set(USES)
    assert all(any(fnmatch(path, pattern) for pattern in READ_BY_PEOPLE) for path in rest), rest


def overwritten(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)


def renamed_over(path: Path, content: bytes) -> None:
    path.with_name("new").write_bytes(content)
    path.with_name("new").replace(path)


@pytest.mark.parametrize("swap", [overwritten, renamed_over])
@pytest.mark.parametrize(("name", "use"), [(name, use) for name, uses in USES.items() for use in uses])
def test_a_file_that_is_swapped_after_the_check_is_not_used(
    name: str, use: Callable[[Bundle], object], swap: Callable[[Path, bytes], None], bundle: Bundle
) -> None:
    path = bundle.root / name
    sound = path.read_bytes()
    middle = len(sound) // 2
    swap(path, sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
    try:
        with pytest.raises(ManifestError, match=f"{name} was changed"):
            use(bundle)
    finally:
        overwritten(path, sound)


@pytest.mark.parametrize(("name", "use"), [(name, use) for name, uses in USES.items() for use in uses])
def test_without_a_swap_every_file_is_used(name: str, use: Callable[[Bundle], object], bundle: Bundle) -> None:  # noqa: ARG001 -- the test's id
    assert use(bundle)
