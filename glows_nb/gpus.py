"""GPUs by name: how much memory each has, and which one is meant by a name as people write it.

The service's offers name a GPU and do not say how much memory it has. Names are the console's exact strings (FACTS 5.2)
and sizes the makers' data sheets; a GPU that is not here is unknown, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

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


OPTIONAL: Final = frozenset(
    {"nvidia", "geforce", "rtx", "gtx", "tesla", "quadro", "tensor", "core", "gpu", "generation", "gen", "blackwell"}
    | {"hopper", "ampere", "lovelace", "server", "workstation", "ws", "edition", "instance"}
)
"""Words of makers, families and sales that may be there or not: "4090" is the NVIDIA GeForce RTX 4090."""

PART: Final = re.compile(
    r"\d+(?:gib|gb|g)(?![a-z0-9])"
    r"|sxm\d*|hbm\d*e?|pcie|nvl"
    r"|nvidia|geforce|quadro|tesla|titan|rtx|gtx|pro|ada|super|laptop|generation|blackwell|ti(?![a-z])"
    r"|[a-z]{0,2}\d+(?:[a-z](?![a-z]))?"
    r"|[a-z]+|\d+"
)
"""A part of a name, also where people write several as one word: RTX6000Ada, a100sxm4."""

MEMORY: Final = re.compile(r"(\d+)(?:gib|gb|g)")
FORM: Final = re.compile(r"(sxm|hbm)\d*e?")


class GpuName(NamedTuple):
    """A GPU's name, taken apart: what tells it from others, and how much memory it says."""

    parts: frozenset[str]
    memory_gb: int | None

    @classmethod
    def read(cls, text: str) -> GpuName:
        """Any text that may name a GPU; case and punctuation do not count."""
        found = PART.findall(re.sub(r"(\d)\s+(gib|gb|g)\b", r"\1\2", text.lower()))
        sizes = [int(size[1]) for part in found if (size := MEMORY.fullmatch(part))]
        parts = frozenset(part for part in found if not MEMORY.fullmatch(part) and part not in OPTIONAL)
        return cls(parts, sizes[-1] if sizes else None)


def is_called(name: str, text: str) -> bool:
    """May a text such as "A100 80GB" mean the GPU of this name? Each part of it must be one of the name's.

    A size of memory is compared with what the GPU has, to a tenth, as makers and sellers count it otherwise.
    """
    asked, whole = GpuName.read(text), GpuName.read(name)
    if not asked.parts and asked.memory_gb is None:
        return bool(text.strip()) and text.strip().lower() in name.lower()
    memory = vram_gb(name) or whole.memory_gb
    if asked.memory_gb is not None and (memory is None or abs(asked.memory_gb - memory) > memory / 10):
        return False
    return all(part in whole.parts or _is_form_of(part, whole.parts) for part in asked.parts)


def called(names: Iterable[str], text: str) -> list[str]:
    """The GPUs that a text may mean, by name: one that it names wholly, else all that have each part of it."""
    names = sorted(set(names))
    exact = [name for name in names if name.casefold() == text.strip().casefold()]
    fitting = [name for name in names if is_called(name, text)]
    # The L40 is not the L40 PCIe, where both are there.
    whole = [name for name in fitting if GpuName.read(name).parts == GpuName.read(text).parts]
    return exact or (whole if len(whole) == 1 else fitting)


def filtered(names: Iterable[str], text: str) -> list[str]:
    """The GPUs to show for a text that may not be finished: all that it may mean, else those that begin like it."""
    names = sorted(set(names))
    parts = PART.findall(text.lower())
    return [name for name in names if is_called(name, text)] or [
        name
        for name in names
        if parts
        and is_called(name, " ".join([*parts[:-1], "nvidia"]))
        and any(part.startswith(parts[-1]) for part in PART.findall(name.lower()))
    ]


def nearest(names: Iterable[str], text: str) -> str | None:
    """The name most like a text: with the most parts in common, and among those the one that is written most alike."""
    from difflib import SequenceMatcher

    asked = GpuName.read(text).parts

    def likeness(name: str) -> tuple[float, float]:
        parts = GpuName.read(name).parts
        models = [SequenceMatcher(None, one, other).ratio() for one in asked for other in parts]
        return len(asked & parts), max(models, default=0.0)

    return max(sorted(names), key=likeness, default=None)


def _is_form_of(part: str, parts: frozenset[str]) -> bool:
    """Is it a form factor without its number, such as the SXM of an SXM5?"""
    return FORM.fullmatch(part) is not None and any(other.startswith(part) for other in parts)
