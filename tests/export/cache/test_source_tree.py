from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from export.cache.source_tree import Code, SourceTree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two packages, `edge` and `export`, in which the room `edge.judges` re-exports."""
    files = {
        "edge/__init__.py": "",
        "edge/pixels.py": "import numpy as np",
        "edge/judges/__init__.py": "from edge.judges.open import open_judge",
        "edge/judges/open.py": "from edge.judges.llama import ask",
        "edge/judges/llama.py": "import llama_cpp",
        "edge/judges/lora.py": "",
        "export/__init__.py": "",
        "export/quantize.py": "",
        "export/step.py": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def reached(root: Path, content: str) -> Code:
    """What `export.step` with this content reaches."""
    (root / "export/step.py").write_text(dedent(content))
    return SourceTree(root).reached_from(["export.step"])


ALWAYS = {"export", "export.step"}


@pytest.mark.parametrize(
    ("content", "modules"),
    [
        ("import edge.pixels", {"edge", "edge.pixels"}),
        ("from edge.pixels import scaled", {"edge", "edge.pixels"}),
        ("from edge import pixels", {"edge", "edge.pixels"}),
        ("from export import quantize", {"export.quantize"}),
        ("from .quantize import quantize", {"export.quantize"}),
        ("from . import quantize", {"export.quantize"}),
        ("def make():\n    from edge.pixels import scaled", {"edge", "edge.pixels"}),
        ("try:\n    import edge.pixels\nexcept ImportError:\n    pass", {"edge", "edge.pixels"}),
    ],
)
def test_every_form_of_import_is_followed(root: Path, content: str, modules: set[str]) -> None:
    assert set(reached(root, content).sources) == ALWAYS | modules


def test_imports_of_imported_modules_are_followed(root: Path) -> None:
    assert set(reached(root, "from edge.judges.open import open_judge").sources) == ALWAYS | {
        "edge",
        "edge.judges.open",
        "edge.judges.llama",
    }


def test_a_room_s_re_exports_count_where_a_name_is_imported_from_the_room(root: Path) -> None:
    assert "edge.judges.llama" in reached(root, "from edge.judges import open_judge").sources
    assert "edge.judges.llama" not in reached(root, "from edge.judges.lora import read_lora").sources


def test_what_a_whole_package_imports_always_counts(root: Path) -> None:
    (root / "edge/__init__.py").write_text("from edge.environment import ENVIRONMENT")
    (root / "edge/environment.py").touch()
    assert "edge.environment" in reached(root, "import edge.pixels").sources


def test_imports_for_the_type_checker_do_not_count(root: Path) -> None:
    content = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from edge.pixels import Pixels
        else:
            import edge.judges.lora
    """
    assert set(reached(root, content).sources) == ALWAYS | {"edge", "edge.judges.lora"}


def test_modules_that_import_each_other_are_read_once(root: Path) -> None:
    (root / "export/quantize.py").write_text("import export.step")
    assert set(reached(root, "import export.quantize").sources) == ALWAYS | {"export.quantize"}


def test_libraries_are_named_as_they_are_imported_and_the_standard_library_is_none(root: Path) -> None:
    content = """
        import json
        import edge.pixels
        from onnxruntime.quantization import quantize_dynamic
    """
    assert reached(root, content).libraries == {"numpy", "onnxruntime"}


@pytest.mark.parametrize("content", ["import edge.nowhere", "from edge.nowhere import name"])
def test_an_imported_module_without_a_source_file_is_refused(root: Path, content: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"edge\.nowhere has no source file under .*: correct the name"):
        reached(root, content)
