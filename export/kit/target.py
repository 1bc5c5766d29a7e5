"""The machines that a kit can be made for, and what each of them must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

HEADLESS = MappingProxyType({"opencv-python": "opencv-python-headless"})
"""The same library without its windows, which a box has no screen for and which would need forty more Debian packages."""

LEFT_OUT = frozenset({"huggingface-hub"})
"""What libraries ask for and a device never runs: a client of a model hub, and all that only it needs."""


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of machine.

    `platforms` are the wheel tags that it takes, best first. `processor` are the flags of /proc/cpuinfo that compiled code in the kit
    uses. `depends` are the Debian packages that the program needs, `carried` those that the kit brings along with all that they need.
    `replaced` are libraries that another one stands in for there. `missing` says where to get the wheels that no public registry has.
    """

    name: str
    architecture: str
    system: str
    python: str
    platforms: tuple[str, ...]
    depends: tuple[str, ...]
    processor: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def machine(self) -> str:
        """What `uname -m` prints there."""
        return {"amd64": "x86_64", "arm64": "aarch64"}[self.architecture]

    @property
    def site_packages(self) -> str:
        """Where Python finds the libraries, from the root of the machine."""
        return f"opt/kotoba/lib/python{self.python}/site-packages"


_LIBRARIES = ("libc6", "libgcc-s1", "libgomp1", "libstdc++6", "zlib1g")
_DEBIAN_12 = ("systemd", "python3.11 (>= 3.11.2)", *_LIBRARIES)
_CARRIED = ("python3.11", "openssl", "mosquitto", "mosquitto-clients", "nftables", "chrony", "logrotate", *_LIBRARIES)
_COMPILE_LLAMA = "llama-cpp-python has no wheel on the public registry: compile one on such a machine"

TARGETS = {
    target.name: target
    for target in (
        Target(
            name="amd64",
            architecture="amd64",
            system="debian 12",
            python="3.11",
            platforms=("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"),
            depends=_DEBIAN_12,
            # x86-64-v3: Intel since 2013 (Haswell), AMD since 2015. Makefile, KIT_CMAKE.
            processor=("avx2", "bmi2", "f16c", "fma"),
            carried=_CARRIED,
            replaced=HEADLESS,
            missing="`make kit` compiles llama-cpp-python for it",
        ),
        Target(
            name="arm64",
            architecture="arm64",
            system="debian 12",
            python="3.11",
            platforms=("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"),
            depends=_DEBIAN_12,
            carried=_CARRIED,
            replaced=HEADLESS,
            missing=_COMPILE_LLAMA,
        ),
        Target(
            name="jetson",
            architecture="arm64",
            system="ubuntu 22.04",
            python="3.10",
            platforms=("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64", "linux_aarch64"),
            depends=("systemd", "python3.10", *_LIBRARIES),
            replaced={**HEADLESS, "onnxruntime": "onnxruntime-gpu"},
            missing=f"{_COMPILE_LLAMA} with CMAKE_ARGS=-DGGML_CUDA=on; onnxruntime-gpu is on NVIDIA's index, docs/install.md",
        ),
    )
}
