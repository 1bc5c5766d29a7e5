"""The native parsers in a child: its death, its hunger and its slowness are sentences of the install."""

from __future__ import annotations

import gc
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.open import Bundle, open_bundle, open_trusted_bundle
from edge.errors import BundleError
from edge.slots.parse import CHILD, Limits, limits_for, parse_in_child
from edge.slots.slots import Slots
from tests.support.memory_folder import folder_in_memory
from tests.support.repository import KEYS, STARTER
from tests.support.slots import bundle_folder
from tests.support.tiny_bundle import TRUSTED, as_json, is_one_sentence, manifest_of, sound_files, write

NOBODY = 65_534
HANGS = "import time; time.sleep(30)"
NEVER_READY = """
from edge.slots.parse_child import limit
limit(memory_bytes=1 << 30, cpu_s=1, largest_bytes=1 << 20)
print('{"reading": "llm/model.gguf"}', flush=True)
while True:
    pass
"""
"""A parser that works without end, under the limits of the real child: how fast a real one is depends on the machine."""


@pytest.fixture(scope="module")
def starter() -> Bundle:
    return open_trusted_bundle(STARTER, keys=KEYS)


@pytest.fixture
def tiny(tmp_path: Path) -> Bundle:
    write(tmp_path / "b", sound_files(), as_json(manifest_of(sound_files())))
    return open_bundle(tmp_path / "b", trusted=TRUSTED)


def refusal(bundle: Bundle, limits: Limits | None = None, *, program: str | None = None) -> str:
    command = CHILD if program is None else (sys.executable, "-c", program)
    with pytest.raises(BundleError) as refused:
        parse_in_child(bundle, limits=limits, command=command)
    assert is_one_sentence(str(refused.value))
    return str(refused.value)


def test_a_bundle_that_runs_is_parsed_and_says_what_memory_that_took(starter: Bundle) -> None:
    largest_mb = max(file.size for file in starter.manifest.files) / 1e6
    assert largest_mb < parse_in_child(starter) < 20 * largest_mb


def test_parsing_leaves_this_process_as_it_was(starter: Bundle) -> None:
    gc.collect()  # models of earlier tests hold files in memory: they must not be let go in between
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- the listing's own descriptor is closed in both
    parse_in_child(starter)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_model_that_needs_more_memory_than_the_limit_is_a_sentence(starter: Bundle) -> None:
    said = refusal(starter, replace(limits_for(starter), memory_bytes=200_000_000))
    assert re.search(r"(blip|clip|llm)/\S+ (cannot be used|died of it)", said)


def test_a_model_that_takes_more_time_than_the_limit_is_a_sentence(tiny: Bundle) -> None:
    said = refusal(tiny, replace(limits_for(tiny), cpu_s=1), program=NEVER_READY)
    assert "reading llm/model.gguf took more than 1 s of processor time" in said


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ('import os; print(\'{"reading": "clip/vision.onnx"}\', flush=True); os.abort()', r"read clip/vision\.onnx died of it \(signal 6"),
        ('import ctypes; print(\'{"reading": "x.gguf"}\', flush=True); ctypes.string_at(0)', r"read x\.gguf died of it \(signal 11"),
        ("import os; os.kill(os.getpid(), 9)", "memory"),
        ("raise SystemExit(3)", r"its first file died of it \(exit code 3\)"),
        ('print("[" * 100_000); raise SystemExit(1)', "its first file"),
        ('print(\'{"peak_mb": "many"}\')', "its first file"),
        ('print(\'{"refused": "it is bad: build it again"}\'); raise SystemExit(1)', "cannot be used: it is bad"),
    ],
    ids=["abort", "segmentation fault", "killed", "exit code", "no JSON", "another type", "refused"],
)
def test_the_death_of_the_child_is_a_sentence(program: str, expected: str, tiny: Bundle) -> None:
    assert re.search(expected, refusal(tiny, program=program))


def test_a_child_that_hangs_is_ended(tiny: Bundle) -> None:
    assert "took longer than" in refusal(tiny, Limits(1 << 30, 60, 0.2), program=HANGS)


def test_a_child_that_floods_its_output_is_ended_by_its_limit(tiny: Bundle) -> None:
    flood = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20,) * 2)\nwhile True: sys.stdout.write('x' * 65536)"
    assert "died of it" in refusal(tiny, program=flood)


def bomb(size: int) -> bytes:
    """A graph of a few hundred bytes: onnxruntime computes its constants, large matrices and their products, when it opens it."""
    shape = numpy_helper.from_array(np.array([size, size], np.int64), "shape")
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["c0"], value=value)]
    nodes += [helper.make_node("MatMul", [f"c{number}"] * 2, [f"c{number + 1}"]) for number in range(6)]
    nodes += [helper.make_node("Add", ["x", "c6"], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [1]), ("y", None)))
    graph = helper.make_graph(nodes, "bomb", [x], [y], [shape])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString())


def test_a_graph_that_blows_up_when_it_is_opened_takes_the_child_and_no_more(starter: Bundle, tmp_path: Path) -> None:
    """The language model before it is a real one, so that it is the graph that is refused."""
    files = sound_files() | {"blip/decoder.onnx": bomb(5_000), "llm/model.gguf": (STARTER / starter.manifest.llm.model).read_bytes()}
    manifest = manifest_of(files)
    manifest["llm"]["adapters"] = {}
    write(tmp_path / "b", files, as_json(manifest))
    assert "blip/decoder.onnx took more than 3 s" in refusal(open_bundle(tmp_path / "b", trusted=TRUSTED), Limits(1 << 30, 3, 60.0))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_child_of_root_is_the_user_of_the_state_folder(tiny: Bundle) -> None:
    with folder_in_memory(tiny.root) as folder:
        folder.chmod(0o755)
        root = Path(shutil.copytree(tiny.root, folder / "b"))
        os.chown(root, NOBODY, NOBODY)
        assert "llm/model.gguf" in refusal(replace(tiny, root=root))
        (root / "llm" / "model.gguf").chmod(0o600)
        assert "model.gguf cannot be read (Permission denied)" in refusal(replace(tiny, root=root))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_installs_belongs_to_the_user_of_the_state_folder(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    Slots(state / "bundles").install(bundle_folder(tmp_path / "b", 1), trusted=TRUSTED)
    below = [state / "bundles", *(path for path in (state / "bundles" / "a").rglob("*"))]
    assert {path.stat().st_uid for path in below} == {NOBODY}
