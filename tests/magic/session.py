"""A kernel, and what the tests of commands have in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import glows_nb as glows
from tests.magic.live_kernel import LiveKernel, Shown

ENV_VALUE = "planted-env-value-4711"


@dataclass
class Session:
    """One kernel, its sandbox, and what its cells showed."""

    kernel: LiveKernel
    sandbox: glows.Sandbox
    client: glows.Client
    home: Path
    examples: dict[str, Shown]
    kinds: dict[str, str]

    def run(self, code: str, answers: list[str] | None = None) -> Shown:
        return self.kernel.run(code, answers)
