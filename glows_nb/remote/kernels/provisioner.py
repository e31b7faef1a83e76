"""What Jupyter begins a kernel by, where the kernel's description names a machine: see `kernelspec`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import textwrap
from contextlib import suppress
from subprocess import PIPE
from typing import Any, Final

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Unicode

ENDS_WITHIN: Final = 4.0
LOOK_SECONDS: Final = 0.05
LINE: Final = 80


class MachineProvisioner(LocalProvisioner):
    """Begins the bridge to a machine, and says why that can't be begun."""

    machine = Unicode(config=True, help="The machine's name.")
    profile = Unicode(config=True, help="The profile whose token is used; '' is what the environment says.")
    trust = Bool(False, config=True, help="Show HTML and scripts of the machine as they are.")
    _has_begun = False

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """The bridge's command."""
        kwargs = await super().pre_launch(**kwargs)
        name = hashlib.sha256(str(self.kernel_id).encode()).hexdigest()[:16]
        words = [f"--name={name}", f"--profile={self.profile}", *(["--trust"] if self.trust else [])]
        return {**kwargs, "cmd": [*kwargs["cmd"], *words, "--", self.machine]}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Begin the bridge, and wait until the kernel on the machine answers.

        Raises:
            RuntimeError: there can be none; the text says why. Where one is begun again it is dead then instead.
        """
        info = await super().launch_kernel(cmd, **{**kwargs, "stdin": PIPE, "stdout": PIPE})
        process: Any = self.process
        try:
            said = await asyncio.to_thread(process.stdout.readline)
            words = json.loads(said or b'{"error": "The kernel could not be begun; the log of Jupyter has why."}')
        except BaseException:
            await self.kill()
            raise
        process.stdout.close()
        if "error" not in words:
            self._has_begun = True
            return info
        if self._has_begun:
            self.log.error(words["error"])
            return info
        await self.wait()
        await self.cleanup()
        # Jupyter keeps one that could not be begun among those that are to be, and its server could not be stopped.
        getattr(getattr(self.parent, "parent", None), "_pending_kernels", {}).pop(self.kernel_id, None)
        # JupyterLab shows the text as it is, and what is too long for its dialogue behind a scroll bar.
        raise RuntimeError(textwrap.fill(words["error"], LINE))

    async def terminate(self, restart: bool = False) -> None:
        """Let the bridge end the kernel on the machine, and itself."""
        process: Any = self.process
        if process is not None:
            with suppress(OSError):
                process.stdin.close()

    async def kill(self, restart: bool = False) -> None:
        """End it harder, where it does not end by itself."""
        await self.terminate(restart)
        for _ in range(int(ENDS_WITHIN / LOOK_SECONDS)):
            if self.process is None or await self.poll() is not None:
                return
            await asyncio.sleep(LOOK_SECONDS)
        await super().kill(restart)
