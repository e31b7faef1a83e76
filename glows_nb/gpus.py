"""Memory of GPUs by name: the service's offers name a GPU and do not say how much memory it has.

Names are the console's exact strings (FACTS 5.2) and sizes the makers' data sheets; a GPU that is not here is
unknown, never guessed.
"""

from __future__ import annotations

from typing import Final

VRAM_GB: Final[dict[str, int]] = {
    "NVIDIA GeForce RTX 4090": 24,
    "NVIDIA GeForce RTX 5090": 32,
    "NVIDIA L40": 48,
    "NVIDIA L40 PCIe": 48,
    "NVIDIA L40S PCIe": 48,
    "NVIDIA RTX 6000 Ada": 48,
    "NVIDIA RTX PRO 6000": 96,
    "NVIDIA A100-SXM4-80GB": 80,
    "NVIDIA H100 80GB HBM3": 80,
    "NVIDIA H100 PCIe": 80,
    "NVIDIA H100 SXM5": 80,
    "NVIDIA H200": 141,
    "NVIDIA B200": 180,
}


def vram_gb(gpu_name: str) -> int | None:
    """Gigabytes of memory of one such GPU, None when it is unknown."""
    return VRAM_GB.get(gpu_name)
