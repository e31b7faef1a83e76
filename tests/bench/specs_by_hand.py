"""What a user's own script takes for the same as `glows.specs()`: the same requests and fields, and nothing else.

python tests/bench/specs_by_hand.py TOKEN BASE_URL
"""

from __future__ import annotations

import sys

import httpx
import pandas as pd
from pydantic import BaseModel


class Image(BaseModel):
    image_id: str
    name: str = ""


class Unit(BaseModel):
    gpu_name: str = ""
    gpus: int = 0
    cpu_name: str = ""
    cpus: int = 0
    ram_mb: int = 0
    disk_gb: int = 0


class Resource(BaseModel):
    resource_id: str
    unit_spec: Unit


class Price(BaseModel):
    millicent_per_hour: int


class Spec(BaseModel):
    region_name: str
    base_resource: Resource
    price: Price
    machine_category: int = 0
    instance_categories: tuple[int, ...] = ()
    avail: bool | None = None
    max_available_units: int | None = None


def main(token: str, base_url: str) -> pd.DataFrame:
    """The offers of all categories for the first image."""
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, verify=False) as client:  # noqa: S501

        def rows(path: str, **asked: str | int) -> list[dict[str, object]]:
            listed = client.get(base_url + path, params={"page": 1, "per_page": 20, **asked}).json()
            assert listed["code"] == 0
            found: list[dict[str, object]] = listed["images" if "image" in path else "specs"]
            return found

        image = next(Image.model_validate(row) for row in rows("/image/list"))
        specs = [
            Spec.model_validate(row)
            for category in range(4)
            for row in rows("/spec/list", machine_category=category, from_image_id=image.image_id)
        ]
    return pd.DataFrame(
        {
            "region": spec.region_name,
            "gpu": spec.base_resource.unit_spec.gpu_name,
            "gpus": spec.base_resource.unit_spec.gpus,
            "cpus": spec.base_resource.unit_spec.cpus,
            "ram_gb": spec.base_resource.unit_spec.ram_mb / 1024,
            "disk_gb": spec.base_resource.unit_spec.disk_gb,
            "price_per_hour": spec.price.millicent_per_hour / 100_000,
            "available": spec.avail,
            "max_units": spec.max_available_units,
        }
        for spec in specs
    )


if __name__ == "__main__":
    assert len(main(*sys.argv[1:])) == 20
