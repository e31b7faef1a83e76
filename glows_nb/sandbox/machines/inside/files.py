"""SFTP and scp of one machine, in its home; a path is confined by the process that it is served in, not here."""

import errno
import os
import stat
from pathlib import Path

import asyncssh

_TAKEN_AS_SAID = ("OpenSSH", "paramiko")


class Files(asyncssh.SFTPServer):
    """What asyncssh serves, made fit for a machine that others use at the same time."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file; what would wait for somebody else, such as a pipe, is refused."""
        try:
            kind = Path(os.fsdecode(self.map_path(path))).stat().st_mode
        except OSError:
            kind = stat.S_IFREG  # it comes into being, or asyncssh says why not
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise asyncssh.SFTPFailure(f"{os.fsdecode(path)} is no file")
        return super().open(path, pflags, attrs)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Make a link; every client says where it leads first, since OpenSSH's server, as which this one greets, does.

        asyncssh takes that order for a mistake of the clients that are named here, and turns the others' around.
        """
        client = self.channel.get_extra_info("client_version", "")
        is_as_said = any(name in client for name in _TAKEN_AS_SAID)
        super().symlink(*((oldpath, newpath) if is_as_said else (newpath, oldpath)))

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write; where no file may grow any more, the disk is full."""
        try:
            return super().write(file_obj, offset, data)  # type: ignore[return-value]
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise asyncssh.SFTPNoSpaceOnFilesystem(os.strerror(errno.ENOSPC)) from None
            raise

    def exit(self) -> None:
        """Say how it ended, without which scp takes it for a failure."""
        self.channel.exit(0)
