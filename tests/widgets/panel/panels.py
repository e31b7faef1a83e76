"""What the tests of panels share: machines to look at, patience, and what the sandbox was asked for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import glows_nb as glows

RTX_4090 = "NVIDIA GeForce RTX 4090"


def launch(client: glows.Client, name: str, wait: bool = True) -> glows.Instance:
    image_id = client.images.default().image_id
    return client.instances.launch(
        name=name, gpu_name=RTX_4090, region_name="TW-04", from_image_id=image_id, wait=wait, ports=["8000/http"]
    )


def eventually(is_so: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def panel_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "panel" in thread.name]


def asked(sandbox: glows.Sandbox) -> Counter[str]:
    """How often each operation was asked for."""
    return Counter(entry["operation"] for entry in sandbox.admin.transcript())
