"""One SSH key of glows_nb's own, for machines on which the user had it installed; others are never shown it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from glows_nb.api.credentials.config import data_folder
from glows_nb.api.credentials.private_file import replace_file

if TYPE_CHECKING:
    from asyncssh import SSHKey

COMMENT: Final = "glows_nb"
LOCK_SECONDS: Final = 10


def for_machine(alias: str) -> list[str] | None:
    """The key's file where it was installed on this machine; None is no key at all."""
    path = _path()
    return [str(path)] if alias in _installed() and path.exists() else None


def public_key() -> SSHKey:
    """The key, made when it is first asked for; the private half is readable by its owner alone."""
    import asyncssh

    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_suffix(".lock"), timeout=LOCK_SECONDS):
        if not path.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment=COMMENT)
            replace_file(path, key.export_private_key("openssh").decode("ascii"))
    return asyncssh.read_private_key(path).convert_to_public()


def note_installed(alias: str) -> None:
    """It is on this machine from now on."""
    with FileLock(_path().with_suffix(".lock"), timeout=LOCK_SECONDS):
        _list().write_text("".join(f"{name}\n" for name in sorted({*_installed(), alias})), encoding="ascii")


def _installed() -> set[str]:
    try:
        return set(_list().read_text(encoding="ascii").split())
    except OSError:
        return set()


def _path() -> Path:
    return data_folder() / "machine_key"


def _list() -> Path:
    return _path().with_suffix(".installed")
