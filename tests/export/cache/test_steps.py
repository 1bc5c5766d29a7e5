from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export.cache.source_tree import PACKAGES, SourceTree
from export.cache.steps import OUR_CODE, Cache, Step, installed_version
from export.models import steps
from export.models.llm import steps as llm_steps

STEP = Step("quantized", modules=("export.quantize",), libraries=("torch",))


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A small tree of source files: the step's module, what it imports of `export` and `edge`, and a module that it never reaches."""
    files = {
        "edge/__init__.py": "",
        "edge/preprocess.py": "import numpy",
        "edge/daemon.py": "",
        "export/__init__.py": "",
        "export/quantize.py": "from export.graph import read\nimport onnx",
        "export/graph.py": "import edge.preprocess",
    }
    for name, content in files.items():
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text(content)
    return tmp_path / "code"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


class Build:
    """One step over and over, as successive builds run it; each build reads the source files and the versions again."""

    def __init__(self, code: Path, weights: Path) -> None:
        self.versions = dict.fromkeys(("numpy", "onnx", "torch", "paho"), "1.0")
        self.settings = {"precision": "int8"}
        self.weights = weights
        self._code = code
        self._times_made = 0

    def makes_the_step(self) -> bool:
        """Run a build; whether it made the step."""
        before = self._times_made
        cache = Cache(self.weights.parent / "cache", code=SourceTree(self._code), library_version=self.versions.get)
        folder = cache.made(STEP, self._make, inputs=[self.weights], settings=self.settings)
        assert (folder / "model.onnx").read_text() == "graph"
        return self._times_made > before

    def _make(self, out: Path) -> None:
        self._times_made += 1
        (out / "model.onnx").write_text("graph")


@pytest.fixture
def build(code: Path, weights: Path) -> Build:
    build = Build(code, weights)
    assert build.makes_the_step()
    return build


def test_a_step_is_made_once(build: Build) -> None:
    assert not build.makes_the_step()


@pytest.mark.parametrize("module", ["export/quantize.py", "export/graph.py", "edge/preprocess.py", "edge/__init__.py"])
def test_one_byte_of_code_that_the_step_reaches_makes_it_again(build: Build, code: Path, module: str) -> None:
    with (code / module).open("a") as file:
        file.write("\n")
    assert build.makes_the_step()


def test_a_module_that_the_step_does_not_reach_leaves_it(build: Build, code: Path) -> None:
    with (code / "edge/daemon.py").open("a") as file:
        file.write("import edge.preprocess\n")
    assert not build.makes_the_step()


def test_an_import_that_is_added_is_followed(build: Build, code: Path) -> None:
    with (code / "export/graph.py").open("a") as file:
        file.write("\nimport edge.daemon\n")
    assert build.makes_the_step()
    with (code / "edge/daemon.py").open("a") as file:
        file.write("\n")
    assert build.makes_the_step()


@pytest.mark.parametrize("library", ["numpy", "onnx", "torch"])
def test_another_version_of_a_library_that_the_step_calls_makes_it_again(build: Build, library: str) -> None:
    build.versions[library] = "1.1"
    assert build.makes_the_step()


def test_a_version_of_a_library_that_the_step_does_not_call_leaves_it(build: Build) -> None:
    build.versions["paho"] = "1.1"
    assert not build.makes_the_step()


def test_one_byte_of_an_input_makes_the_step_again(build: Build, weights: Path) -> None:
    weights.write_bytes(b"weightS")
    assert build.makes_the_step()


def test_the_folder_of_an_input_does_not_count(build: Build, weights: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copyfile(weights, elsewhere / weights.name)
    shutil.copytree(tmp_path / "cache", elsewhere / "cache")
    build.weights = elsewhere / weights.name
    assert not build.makes_the_step()


def test_other_settings_make_the_step_again(build: Build) -> None:
    build.settings = {"precision": "int4"}
    assert build.makes_the_step()


def test_two_steps_of_the_same_code_inputs_and_settings_are_apart(code: Path, weights: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path, code=SourceTree(code), library_version=lambda _: None)
    other = Step("checked", modules=STEP.modules, libraries=STEP.libraries)
    assert cache.key(STEP, inputs=[weights]) != cache.key(other, inputs=[weights])


def test_a_step_that_was_cut_off_is_made_again(code: Path, weights: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", code=SourceTree(code), library_version=lambda _: None)

    def cut_off(out: Path) -> None:
        (out / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.made(STEP, cut_off, inputs=[weights])
    folder = cache.made(STEP, lambda out: (out / "whole").touch(), inputs=[weights])

    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_a_step_that_names_no_module_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"export\.no_such_module has no source file"):
        Cache(tmp_path).key(Step("wrong", modules=("export.no_such_module",)), inputs=[])


def test_the_version_of_a_library_names_every_distribution_of_it() -> None:
    assert installed_version("no_such_library") is None
    found = installed_version("optimum") or ""
    assert "optimum " in found
    assert "optimum-onnx 0.1.0" in found


CLIP, BLIP = {"clip-graphs", "clip"}, {"blip-graphs", "blip"}
MADE_AGAIN = {
    "edge/picture/preprocess.py": {"clip", "blip"},
    "edge/describers/vocabulary.py": {"clip"},
    "edge/judges/lora.py": {"llm-graph"},
    "edge/bundle/gguf_header.py": {"clip", "llm-graph"},
    "edge/environment.py": {"clip", "blip", "llm-graph"},
    "edge/daemon/loop.py": set[str](),
    "edge/judges/llama.py": set[str](),
    "edge/sinks/mqtt/sink.py": set[str](),
    "export/checkpoint/folder.py": {*CLIP, *BLIP, "llm"},
    "export/models/clip/graphs.py": CLIP,
    "export/models/blip/graphs.py": BLIP,
    "export/models/quantize.py": {"clip", "blip"},
    "export/models/tied_embedding.py": {"blip"},
    "export/models/foils.py": {"clip"},
    "export/models/vocabulary.py": {"clip"},
    "export/models/llm/convert.py": {"llm"},
    "export/models/llm/gguf_quantize.py": {"llm", "llm-quantized"},
    "export/models/llm/graph.py": {"llm-graph"},
    "export/models/llm/products.py": {"llm-graph"},
    "export/models/steps.py": set[str](),
    "export/bundle/build.py": set[str](),
    "export/studies/results.py": set[str](),
    "firmware_config/outputs.py": {"clip", "blip"},  # the station file beside proof pictures says how they are read
    "firmware_config/obstacles.py": set[str](),
}
"""What one byte more in a file of ours makes again."""


@pytest.fixture(scope="module")
def our_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of every source file of ours."""
    root = tmp_path_factory.mktemp("code")
    for package in PACKAGES:
        for path in sorted((OUR_CODE / package).rglob("*.py")):
            copy = root / path.relative_to(OUR_CODE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return root


@pytest.fixture(scope="module")
def keys_before(our_code: Path) -> dict[str, str]:
    return keys(our_code)


@pytest.mark.parametrize("changed", MADE_AGAIN)
def test_a_changed_file_makes_exactly_the_steps_again_that_run_its_code(our_code: Path, keys_before: dict[str, str], changed: str) -> None:
    content = (our_code / changed).read_bytes()
    (our_code / changed).write_bytes(content + b"\n")
    try:
        after = keys(our_code)
    finally:
        (our_code / changed).write_bytes(content)
    assert {name for name in keys_before if keys_before[name] != after[name]} == MADE_AGAIN[changed]


def keys(root: Path) -> dict[str, str]:
    """The key of each step of a build without inputs and settings, by the code below `root`."""
    every = (steps.CLIP_GRAPHS, steps.CLIP, steps.BLIP_GRAPHS, steps.BLIP, llm_steps.CONVERTED, llm_steps.QUANTIZED, llm_steps.GRAPH)
    cache = Cache(root, code=SourceTree(root), library_version=lambda _: None)
    return {step.name: cache.key(step, inputs=[]) for step in every}
