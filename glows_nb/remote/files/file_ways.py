"""Which of two ways to a machine's files there is: a shell with tar, or SFTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from glows_nb.remote.calling import Caller
from glows_nb.remote.errors import TransferError
from glows_nb.remote.files.machine_files import MachineFiles
from glows_nb.remote.files.sftp_files import SftpFiles
from glows_nb.remote.files.shell_files import ShellFiles

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line


async def files_of(line: Line, caller: Caller) -> MachineFiles:
    """The way to a machine's files.

    Raises:
        TransferError: there is none.
        RemoteError: the machine can't be entered, or the line broke.
    """
    shell = await line.shell(caller)
    if shell is not None and shell.has.can_place:
        return ShellFiles(line, caller, shell.has)
    sftp = await line.sftp(caller)
    if sftp is not None:
        return SftpFiles(line, caller, sftp)
    if shell is None:
        raise TransferError(
            f"{line.name} has no SFTP, and no shell of its answers, so no files go there or come from there. A start "
            "file there that begins another shell or redirects its output, such as ~/.bashrc, would be the cause."
        )
    raise TransferError(
        f"{line.name} has neither tar with a shell nor SFTP, so no files go there or come from there. On the machine: "
        "apt-get install tar"
    )
