"""The password for OpenSSH: in no list of processes, no environment and on no disk.

OpenSSH asks a program for it. Ours is a line of shell that reads a named pipe beside it, in a folder that its owner
alone can enter; what goes through the pipe is in memory only, and goes once: then all of that is taken away.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

from pydantic import SecretStr

PROGRAM: Final = """#!/bin/sh
IFS= read -r password <"$0.pipe" && printf '%s\\n' "$password"
"""
"""Both are part of the shell, so that no process has the password among its words."""


@contextmanager
def password_program(password: SecretStr) -> Iterator[Path | None]:
    """A program that says the password to whoever runs it first; None where no program runs from such a folder."""
    with tempfile.TemporaryDirectory(prefix="glows-nb-") as folder:
        program = Path(folder) / "ask"
        pipe = Path(f"{program}.pipe")
        os.mkfifo(pipe, 0o600)
        with os.fdopen(os.open(program, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "w") as file:
            file.write(PROGRAM)
        if not os.access(program, os.X_OK):
            yield None
            return
        is_over = Event()
        answering = Thread(target=_answer_once, args=(pipe, password, is_over), name="glows_nb password", daemon=True)
        answering.start()
        try:
            yield program
        finally:
            is_over.set()
            with suppress(FileNotFoundError):  # it was asked
                os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
            answering.join()


def _answer_once(pipe: Path, password: SecretStr, is_over: Event) -> None:
    """Wait until somebody reads, and say it: whoever asks again gets nothing."""
    to = os.open(pipe, os.O_WRONLY)
    try:
        if is_over.is_set():
            return
        shutil.rmtree(pipe.parent, ignore_errors=True)
        with suppress(BrokenPipeError):
            os.write(to, f"{password.get_secret_value()}\n".encode())
    finally:
        os.close(to)
