from __future__ import annotations

from pathlib import Path

import llama_cpp
import numpy as np
import pytest
import torch

from benchmarks import gpu
from benchmarks.export import TOKENS, require_same_embedding, require_same_length
from benchmarks.machine import described_machine
from benchmarks.rounds import compare
from tests.support.tiny_bundle import is_one_sentence

CARD = torch.cuda.is_available() or llama_cpp.llama_supports_gpu_offload()


@pytest.mark.skipif(CARD, reason="there is a card, or a CUDA build of llama.cpp: python -m benchmarks.gpu has something to do")
def test_without_a_gpu_nothing_is_measured_and_each_part_reports_what_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert gpu.main(["--work", str(tmp_path / "bench")]) == 1
    out, errors = capsys.readouterr()
    assert out == ""
    assert [line.split(":")[0] for line in errors.splitlines()] == ["graphs", "llm"]
    assert all(map(is_one_sentence, errors.splitlines()))
    assert not (tmp_path / "bench").exists()


def test_a_missing_model_is_reported_in_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert gpu.main(["--only", "llm", "--model", str(tmp_path / "none.gguf")]) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"llm: there is no {tmp_path / 'none.gguf'}: build a bundle")
    assert is_one_sentence(error)


def test_the_judge_on_a_gpu_can_be_rehearsed_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--only", "llm", "--rehearse", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert "differ by 0.000 nats at most, the likeliest label in 0 of them" in out
    assert [f"{count} labels: " in out for count in gpu.LABELS] == [True] * 3


def test_the_processor_its_flags_and_the_versions_are_printed(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "model name\t: Tiny 1\nflags\t\t: fpu avx2 avx512_vnni\n\nmodel name\t: Tiny 2\nflags\t\t: amx_int8\n"
    )
    lines = described_machine(tmp_path / "cpuinfo").splitlines()
    assert lines[0].startswith("processor: Tiny 1, ")
    assert lines[1].startswith("  has avx2 avx512_vnni, lacks avx_vnni ")
    assert "amx_int8" in lines[1].partition("lacks")[2]
    assert "onnxruntime" in lines[3]


def test_an_implementation_with_another_embedding_is_not_timed() -> None:
    reference = torch.eye(1, 8)
    same, other = reference.numpy() * 3, np.ones((1, 8), np.float32)
    require_same_embedding({"transformers eager fp32": lambda: reference, "ours int8 (cpu)": lambda: same})
    with pytest.raises(ValueError, match=r"ours int8 \(cpu\): cosine 0\.35\d+ .*does not do the same work"):
        require_same_embedding({"transformers eager fp32": lambda: reference, "ours int8 (cpu)": lambda: other})


def test_an_implementation_with_shorter_captions_is_not_timed() -> None:
    whole, short = ["word " * TOKENS] * 2, ["word " * TOKENS, "word"]
    require_same_length({"transformers eager fp32": lambda: whole, "ours int8 (cpu)": lambda: whole}, 2)
    with pytest.raises(ValueError, match=rf"2 captions of \[{TOKENS}, 1\] tokens, expected 2 of {TOKENS}"):
        require_same_length({"transformers eager fp32": lambda: whole, "ours int8 (cpu)": lambda: short}, 2)


def test_implementations_are_printed_beside_the_first_and_the_roof(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []
    ways = {"ours int8": lambda: asked.append("ours"), "theirs": lambda: asked.append("theirs")}
    compare("a thing", ways, 2, gflop=1.0, roof={"int8": 1e9})
    assert asked == ["ours", "theirs"] * 3
    first, second = capsys.readouterr().out.splitlines()[-2:]
    assert first.startswith("| ours int8 | 0.0 | 1.00 | ")
    assert first.endswith("% of int8 |")
    assert second.startswith("| theirs | 0.0 | ")
    assert second.endswith(" |  |")
