"""What the sandbox has to rent: regions, offers (hardware at a price in a region) and public images.

The rows are FACTS 5.2 and 5.3. Nobody outside GLOWS knows them completely, so each row names its fields that are
invented. Prices and stock here are where a fresh sandbox begins; what they are now is in `store`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from glows_nb.sandbox.ids import bare
from glows_nb.sandbox.image_catalogue import CONTAINER, IMAGES, VM, Image

GPU_CATEGORY = 0
CPU_CATEGORY = 1
"""Invented: only 0 = GPU is known of the contract's four machine categories (FACTS 8, 8)."""


@dataclass(frozen=True)
class ExtraResource:
    """More cpus that can be had with an offer, at a price per hour."""

    cpus: int
    millicent_per_hour: int


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One kind of hardware in one region; all numbers are those of one unit."""

    slug: str
    region: str
    gpu_name: str = ""
    cpu_name: str
    gpus: int = 1
    gpu_ram_mb: int = 0
    """Of each GPU, not of the unit."""
    cpus: int
    ram_mb: int
    disk_gb: int
    millicent_per_hour: int
    stock: int
    """Units: the most that was ever seen available."""
    instance_categories: frozenset[int] = frozenset({CONTAINER, VM})
    """Invented for all rows: which hardware takes VMs isn't known. The contract's sample takes both."""
    extras: tuple[ExtraResource, ...] = ()
    invented: frozenset[str] = frozenset()

    @property
    def resource_id(self) -> str:
        """The id on the wire: opaque, but really a readable word in base64, as in the contract's sample."""
        return base64.b64encode(self.slug.encode()).decode()

    @property
    def machine_category(self) -> int:
        """The contract's MachineCategory."""
        return GPU_CATEGORY if self.gpus else CPU_CATEGORY

    def has(self, resource: Mapping[str, object]) -> bool:
        """Is it what these fields name, such as {"gpus": 8}?"""
        return all(getattr(self, name) == value for name, value in resource.items())

    def price_of_extras(self, cpus: int) -> int | None:
        """Return what so many more cpus of one unit cost in millicents per hour, None where they are not sold.

        They are sold in the steps that spec list names; of several that fit the dearest counts (invented).
        """
        if not cpus:
            return 0
        steps = [step for step in self.extras if cpus % step.cpus == 0]
        return max((step.millicent_per_hour * (cpus // step.cpus) for step in steps), default=None)


@dataclass(frozen=True)
class Catalogue:
    """Regions with their domain numbers, offers and public images."""

    regions: Mapping[str, int]
    offers: tuple[Offer, ...]
    images: tuple[Image, ...] = field(default=IMAGES)

    @cached_property
    def offer_by_id(self) -> Mapping[str, Offer]:
        """All offers by resource id."""
        return {offer.resource_id: offer for offer in self.offers}

    @cached_property
    def image_by_hash(self) -> Mapping[str, Image]:
        """All images by the eight characters of their id."""
        return {image.hash: image for image in self.images}

    def can_be_snapshotted(self, image_id: str) -> bool:
        """May snapshots be taken of machines with this image? Of those with a user's own image they may."""
        image = self.image_by_hash.get(bare(image_id, "img-"))
        return image is None or image.can_be_snapshotted


# TW-03 = 2 is official; TW-01, TW-02 and TW-05 are the numbering of another GLOWS app; TW-04 is interpolated;
# TW-07 and JP-01 are invented, and deliberately not in sequence (FACTS 0.1, 5.2).
REGIONS = {"TW-01": 0, "TW-02": 1, "TW-03": 2, "TW-04": 3, "TW-05": 4, "TW-07": 11, "JP-01": 21}

_RTX_4090 = "NVIDIA GeForce RTX 4090"
_XEON_8352V = "Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz"
_XEON_8468 = "Intel(R) Xeon(R) Platinum 8468"
_XEON_8558 = "INTEL(R) XEON(R) PLATINUM 8558"  # upper case is how the service spells this one


def _invented(names: str) -> frozenset[str]:
    return frozenset(names.split())


# In the order of FACTS 5.2. VRAM that FACTS gives in GB only is written as the card itself reports it, in MB.
OFFERS = (
    Offer(
        slug="tw-03-rtx4090-1gpu", region="TW-03", gpu_name=_RTX_4090, gpu_ram_mb=24564, cpu_name=_XEON_8352V,
        cpus=10, ram_mb=50 * 1024, disk_gb=100, millicent_per_hour=49000, stock=9, invented=_invented("cpu_name"),
    ),
    # The same name in the same region at another price: only base_resource tells them apart.
    Offer(
        slug="tw-03-rtx4090-1gpu-64gb", region="TW-03", gpu_name=_RTX_4090, gpu_ram_mb=24564, cpu_name=_XEON_8352V,
        cpus=10, ram_mb=64 * 1024, disk_gb=100, millicent_per_hour=55000, stock=9, invented=_invented("cpu_name"),
    ),
    Offer(
        slug="tw-04-rtx4090-1gpu", region="TW-04", gpu_name=_RTX_4090, gpu_ram_mb=24564, cpu_name=_XEON_8352V,
        cpus=10, ram_mb=50 * 1024, disk_gb=100, millicent_per_hour=49000, stock=9, invented=_invented("cpu_name"),
    ),
    # RAM: FACTS shows 48 GB, the contract's sample of this machine 43008 MB; the contract wins.
    Offer(
        slug="tw-01-rtx4090-1gpu", region="TW-01", gpu_name=_RTX_4090, gpu_ram_mb=24564, cpu_name=_XEON_8352V,
        cpus=10, ram_mb=43008, disk_gb=100, millicent_per_hour=39000, stock=10, extras=(ExtraResource(4, 20000),),
    ),
    Offer(
        slug="tw-01-a100-sxm4-1gpu", region="TW-01", gpu_name="NVIDIA A100-SXM4-80GB", gpu_ram_mb=81920,
        cpu_name="AMD EPYC 7742 64-Core Processor", cpus=16, ram_mb=120 * 1024, disk_gb=200,
        millicent_per_hour=120000, stock=8, invented=_invented("cpu_name ram_mb disk_gb"),
    ),
    Offer(
        slug="tw-02-h100-sxm5-1gpu", region="TW-02", gpu_name="NVIDIA H100 SXM5", gpu_ram_mb=81559,
        cpu_name=_XEON_8468, cpus=16, ram_mb=224 * 1024, disk_gb=200,
        millicent_per_hour=296000, stock=8, invented=_invented("cpu_name disk_gb"),
    ),
    Offer(
        slug="tw-02-h100-sxm5-8gpu", region="TW-02", gpu_name="NVIDIA H100 SXM5", gpus=8, gpu_ram_mb=81559,
        cpu_name=_XEON_8468, cpus=192, ram_mb=1792 * 1024, disk_gb=500,
        millicent_per_hour=2368000, stock=1, invented=_invented("cpu_name disk_gb"),
    ),
    Offer(
        slug="jp-01-h200-1gpu", region="JP-01", gpu_name="NVIDIA H200", gpu_ram_mb=143771,
        cpu_name=_XEON_8558, cpus=18, ram_mb=240 * 1024, disk_gb=300,
        millicent_per_hour=315000, stock=8, invented=_invented("cpu_name ram_mb disk_gb"),
    ),
    Offer(
        slug="tw-01-l40-pcie-1gpu", region="TW-01", gpu_name="NVIDIA L40 PCIe", gpu_ram_mb=46068,
        cpu_name=_XEON_8352V, cpus=20, ram_mb=80 * 1024, disk_gb=100,
        millicent_per_hour=100000, stock=0, invented=_invented("cpu_name disk_gb"),
    ),
    Offer(
        slug="tw-01-l40s-pcie-1gpu", region="TW-01", gpu_name="NVIDIA L40S PCIe", gpu_ram_mb=46068,
        cpu_name=_XEON_8352V, cpus=20, ram_mb=80 * 1024, disk_gb=100,
        millicent_per_hour=83000, stock=0, invented=_invented("cpu_name ram_mb disk_gb"),
    ),
    Offer(
        slug="tw-01-h100-pcie-1gpu", region="TW-01", gpu_name="NVIDIA H100 PCIe", gpu_ram_mb=81559,
        cpu_name=_XEON_8352V, cpus=20, ram_mb=80 * 1024, disk_gb=100,
        millicent_per_hour=350000, stock=0, invented=_invented("cpu_name disk_gb"),
    ),
    # An old name for row 6's card; names change, which is why clients must read them here (FACTS 8, 20).
    Offer(
        slug="tw-02-h100-hbm3-1gpu", region="TW-02", gpu_name="NVIDIA H100 80GB HBM3", gpu_ram_mb=81559,
        cpu_name=_XEON_8468, cpus=16, ram_mb=224 * 1024, disk_gb=200,
        millicent_per_hour=350000, stock=8, invented=_invented("region cpu_name disk_gb"),
    ),
    Offer(
        slug="tw-07-rtx6000ada-1gpu", region="TW-07", gpu_name="NVIDIA RTX 6000 Ada", gpu_ram_mb=49140,
        cpu_name=_XEON_8468, cpus=16, ram_mb=96 * 1024, disk_gb=100,
        millicent_per_hour=72000, stock=4, invented=_invented("cpu_name cpus ram_mb disk_gb stock"),
    ),
    Offer(
        slug="tw-05-rtxpro6000-1gpu", region="TW-05", gpu_name="NVIDIA RTX PRO 6000", gpu_ram_mb=97887,
        cpu_name=_XEON_8558, cpus=20, ram_mb=128 * 1024, disk_gb=200,
        millicent_per_hour=178000, stock=6, invented=_invented("region cpu_name cpus ram_mb disk_gb stock"),
    ),
    Offer(
        slug="tw-04-rtx5090-1gpu", region="TW-04", gpu_name="NVIDIA GeForce RTX 5090", gpu_ram_mb=32607,
        cpu_name=_XEON_8468, cpus=12, ram_mb=64 * 1024, disk_gb=100, millicent_per_hour=69000, stock=5,
        instance_categories=frozenset({CONTAINER}),
        invented=_invented("gpu_name region cpu_name cpus ram_mb disk_gb stock"),
    ),
    Offer(
        slug="jp-01-b200-1gpu", region="JP-01", gpu_name="NVIDIA B200", gpu_ram_mb=183359,
        cpu_name=_XEON_8558, cpus=24, ram_mb=256 * 1024, disk_gb=500,
        millicent_per_hour=500000, stock=2, invented=_invented("region cpu_name cpus ram_mb disk_gb stock"),
    ),
    Offer(
        slug="tw-05-l40s-8gpu", region="TW-05", gpu_name="NVIDIA L40S PCIe", gpus=8, gpu_ram_mb=46068,
        cpu_name=_XEON_8558, cpus=160, ram_mb=640 * 1024, disk_gb=500,
        millicent_per_hour=689000, stock=1, invented=_invented("gpu_name region cpu_name cpus ram_mb disk_gb stock"),
    ),
    Offer(
        slug="tw-04-xeon8468-8cpu", region="TW-04", cpu_name=_XEON_8468, gpus=0, cpus=8, ram_mb=16 * 1024,
        disk_gb=50, millicent_per_hour=8000, stock=31, invented=_invented("cpus ram_mb disk_gb millicent_per_hour"),
    ),
    Offer(
        slug="tw-02-xeon8558-16cpu", region="TW-02", cpu_name=_XEON_8558, gpus=0, cpus=16, ram_mb=64 * 1024,
        disk_gb=100, millicent_per_hour=18000, stock=12,
        invented=_invented("region cpus ram_mb disk_gb millicent_per_hour stock"),
    ),
    Offer(
        slug="tw-01-xeon8352v-8cpu", region="TW-01", cpu_name=_XEON_8352V, gpus=0, cpus=8, ram_mb=32 * 1024,
        disk_gb=100, millicent_per_hour=7000, stock=16,
        invented=_invented("cpus ram_mb disk_gb millicent_per_hour stock"),
    ),
)  # fmt: skip

CATALOGUE = Catalogue(regions=REGIONS, offers=OFFERS)
