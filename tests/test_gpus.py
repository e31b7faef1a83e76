"""GPUs by the names under which other clouds and tools publish them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glows_nb.gpus import VRAM_GB, called, is_called, nearest

NAMES = sorted(VRAM_GB)
RTX_4090, RTX_5090 = "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 5090"
A100, H200, B200 = "NVIDIA A100-SXM4-80GB", "NVIDIA H200", "NVIDIA B200"
L40, L40_PCIE, L40S = "NVIDIA L40", "NVIDIA L40 PCIe", "NVIDIA L40S PCIe"
ADA, PRO = "NVIDIA RTX 6000 Ada", "NVIDIA RTX PRO 6000"
HBM3, H100_PCIE, SXM5 = "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 SXM5"
H100 = [HBM3, H100_PCIE, SXM5]

PUBLISHED: dict[str, list[str]] = {
    # SkyPilot
    "RTX4090": [RTX_4090],
    "RTX5090": [RTX_5090],
    "A100-80GB": [A100],
    "A100-80GB-SXM": [A100],
    "H100": H100,
    "H100-SXM": [SXM5],
    "H200": [H200],
    "H200-SXM": [],
    "B200": [B200],
    "L40": [L40],
    "L40S": [L40S],
    "RTX6000-Ada": [ADA],
    "RTXPRO6000": [PRO],
    "A100": [A100],
    "A100-40GB": [],
    # RunPod
    "NVIDIA GeForce RTX 4090": [RTX_4090],
    "NVIDIA A100-SXM4-80GB": [A100],
    "NVIDIA A100 80GB PCIe": [],
    "NVIDIA H100 80GB HBM3": [HBM3],
    "NVIDIA H100 PCIe": [H100_PCIE],
    "NVIDIA H100 NVL": [],
    "NVIDIA L40S": [L40S],
    "NVIDIA RTX 6000 Ada Generation": [ADA],
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": [PRO],
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": [PRO],
    "NVIDIA B200": [B200],
    # Vast
    "RTX_4090": [RTX_4090],
    "RTX 4090": [RTX_4090],
    "RTX 5090": [RTX_5090],
    "A100 SXM4": [A100],
    "A100_SXM4": [A100],
    "A100X": [],
    "H100_SXM": [SXM5],
    "H100 SXM": [SXM5],
    "H100_PCIE": [H100_PCIE],
    "H100 NVL": [],
    "RTX_6000Ada": [ADA],
    "RTX 6000Ada": [ADA],
    "RTX PRO 6000 WS": [PRO],
    "RTX 4090D": [],
    "RTX 4080S": [],
    # dstack
    "A100:80GB": [A100],
    "H100:80GB": H100,
    "RTX6000Ada": [ADA],
    "L40S:48GB": [L40S],
    # Ray
    "A100-80G": [A100],
    "A100-40G": [],
    "NVIDIA-H100": H100,
    "NVIDIA_TESLA_A100": [A100],
    "RTX-PRO-6000": [PRO],
    # as people type them
    "4090": [RTX_4090],
    "rtx4090": [RTX_4090],
    "geforce 4090 24gb": [RTX_4090],
    "4090 24 GB": [RTX_4090],
    "4090 48gb": [],
    "A100 80GB": [A100],
    "a100sxm4": [A100],
    "H100-80GB": H100,
    "h100 hbm3": [HBM3],
    "h100sxm5": [SXM5],
    "h200 141gb": [H200],
    "B200 192GB": [B200],
    "L40 PCIe": [L40_PCIE],
    "l40 s": [],
    "6000 ada": [ADA],
    "RTX 6000": [ADA, PRO],
    "pro 6000": [PRO],
    "14090": [],
    "409": [],
    "090": [],
    "A10": [],
    "V100": [],
    "MI300X": [],
}


@pytest.mark.parametrize(("text", "meant"), PUBLISHED.items(), ids=PUBLISHED)
def test_a_published_name_finds_its_gpu_or_is_said_to_be_ambiguous(text: str, meant: list[str]) -> None:
    assert called(NAMES, text) == sorted(meant)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_means_itself_however_it_is_spaced(name: str) -> None:
    for text in (name, name.lower(), name.upper(), name.replace(" ", "_"), name.replace(" ", "-"), f" {name} "):
        assert called(NAMES, text) == [name]


@given(st.sampled_from(NAMES), st.data())
def test_the_order_of_parts_and_the_words_of_makers_do_not_count(name: str, data: st.DataObject) -> None:
    words = data.draw(st.permutations(name.split()))
    assert is_called(name, " ".join(words))
    assert is_called(name, " ".join(word for word in words if word not in ("NVIDIA", "GeForce")))


@given(st.sampled_from(NAMES), st.integers(1, 9))
def test_a_number_with_another_digit_before_it_is_another_gpu(name: str, digit: int) -> None:
    number = next(part for part in name.replace("-", " ").split() if any(sign.isdigit() for sign in part))
    assert name not in called(NAMES, f"{digit}{number}")
    assert name not in called(NAMES, f"{number}{digit}")


@given(st.text(max_size=30))
def test_any_text_is_read(text: str) -> None:
    assert set(called(NAMES, text)) <= set(NAMES)
    assert nearest(NAMES, text) in NAMES


@pytest.mark.parametrize(
    ("text", "name"),
    [("A100-40GB", A100), ("4080", RTX_4090), ("H100 NVL", HBM3), ("l4", L40), ("h20", H200), ("RTX 5080", RTX_5090)],
)
def test_the_nearest_has_the_most_parts_in_common(text: str, name: str) -> None:
    assert nearest(NAMES, text) == name
