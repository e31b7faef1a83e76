"""What the tests of plans and prices ask for."""

from __future__ import annotations

from typing import Any

MARK = "0123abcd"
ASKED: dict[str, Any] = {
    "from_image_id": "img-87p9kq26",
    "gpu_name": "NVIDIA GeForce RTX 4090",
    "region_name": "TW-03",
    "name": "train",
}
