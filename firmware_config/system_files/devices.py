"""The device files that the daemon needs: of cameras on the box, and of the GPU that its board names."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_config.board import Board
from firmware_config.box import Box

CAMERAS = "char-video4linux"
NVIDIA = ("char-nvidia*",)
NVIDIA_MODULES = ("nvidia-uvm",)
"""CUDA loads it by a setuid program, which the hardened daemon cannot run: so it is loaded at boot."""

JETSON_GPU = "/dev/nvgpu/igpu0"
JETSON_NODES = ("as", "channel", "ctrl", "ctxsw", "nvsched", "power", "prof", "sched", "tsg")
JETSON = (
    "char-nvidia*",
    "char-nvhost*",
    "/dev/nvmap",
    "/dev/nvhost-ctrl-gpu",
    "/dev/dri/renderD128",
    *(f"{JETSON_GPU}/{node}" for node in JETSON_NODES),
)
"""What NVIDIA's container runtime gives a container on JetPack 6 for CUDA (devices.csv). Not tried on a device."""

JETSON_BOARDS = ("jetson", "orin")


@dataclass(frozen=True, slots=True)
class Devices:
    """`allowed` as DeviceAllow= takes them, the groups that own them, and the kernel modules that nobody else loads."""

    allowed: tuple[str, ...]
    groups: tuple[str, ...]
    modules: tuple[str, ...]


def devices_of(box: Box, board: Board) -> Devices:
    """The devices of a box."""
    cameras = (CAMERAS,) if has_device_cameras(box) else ()
    has_gpu = bool({"cuda", "tensorrt"} & set(board.providers))
    is_jetson = has_gpu and any(name in board.name for name in JETSON_BOARDS)
    gpu = () if not has_gpu else JETSON if is_jetson else NVIDIA
    groups = (*(("video",) if cameras or has_gpu else ()), *(("render",) if has_gpu else ()))
    return Devices((*cameras, *gpu), groups, NVIDIA_MODULES if has_gpu and not is_jetson else ())


def has_device_cameras(box: Box) -> bool:
    """Whether a camera of the box is a device file."""
    return any(camera.kind in {"usb", "csi"} for camera in box.cameras)
