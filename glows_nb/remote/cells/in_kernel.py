"""What is done in a machine's kernel for `Machine.put` and `get`: variables are set from a body, or made into one.

The text of this file runs there, with those of `values` and `tables`; it imports nothing of glows_nb, and runs on
Python 3.8.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import time
from contextlib import suppress
from typing import Any, Dict

Words = Dict[str, Any]

FOLDER = os.path.join(".glows-nb", "values")
LEFT_OVER_AFTER = 86400.0
MOST_MISSING = 20
MIME = "application/vnd.glows-nb.values+json"


def serve(shell: Any, asked: Words, values: Any, tables: Any) -> None:
    """Do what is asked for, and answer by a display of a type of our own.

    Args:
        shell: IPython's.
        asked: what the message that runs brought.
        values: the module of the same name.
        tables: likewise.
    """
    folder = os.path.join(os.path.expanduser("~"), FOLDER)
    path = os.path.join(folder, os.path.basename(asked["file"]))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _clear(folder)
        answer = {"put": _put, "get": _get}[asked["do"]](asked, shell.user_ns, path, values, tables)
    except values.NoSafeForm as refused:
        answer = {"refused": str(refused)}
    except ImportError as lacks:
        answer = {"lacks": str(lacks.name or lacks)}
    except Exception as error:  # noqa: BLE001 - it is told
        answer = {"failed": "%s: %s" % (type(error).__name__, error)}
    shell.display_pub.publish({MIME: dict(answer, of=asked["file"])})


def _put(asked: Words, namespace: Words, path: str, values: Any, tables: Any) -> Words:
    if "body" in asked:
        namespace.update(values.unpack(io.BytesIO(base64.b64decode(asked["body"])), tables))
        return {"done": True}
    try:
        with open(path, "rb") as file:
            namespace.update(values.unpack(file, tables))
    finally:
        with suppress(OSError):
            os.unlink(path)
    return {"done": True}


def _get(asked: Words, namespace: Words, path: str, values: Any, tables: Any) -> Words:
    missing = [name for name in asked["names"] if name not in namespace]
    if missing:
        return {"missing": missing[:MOST_MISSING]}
    is_kept = False
    try:
        with open(path, "w+b", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            values.pack({name: namespace[name] for name in asked["names"]}, file, tables)
            size = file.tell()
            is_kept = size > asked["most"]
            if is_kept:
                return {"size": size}
            file.seek(0)
            return {"body": base64.b64encode(file.read()).decode()}
    finally:
        if not is_kept:
            with suppress(OSError):
                os.unlink(path)


def _clear(folder: str) -> None:
    """Remove what others have left, whose line broke for good."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(OSError):
            if os.stat(path).st_mtime < time.time() - LEFT_OVER_AFTER:
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
