"""Variables go to a machine's kernel and come from there, as bodies of `values`: in a message, or large ones as files.

The message runs code of ours in the kernel there (see `in_kernel`), which counts as no cell. What comes back is a
claim: it is read as values, and nothing of it is run.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import keyword
import tempfile
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from glows_nb.api.errors import GlowsError, InvalidRequest
from glows_nb.formatting import visible
from glows_nb.remote.asking import Ask, agreed
from glows_nb.remote.calling import Caller
from glows_nb.remote.cells import in_kernel, tables, values
from glows_nb.remote.cells.running import is_there_already, run_hidden
from glows_nb.remote.errors import RemoteError
from glows_nb.remote.files.fetching import fetch
from glows_nb.remote.files.file_ways import files_of
from glows_nb.remote.files.sending import send
from glows_nb.remote.progress import size

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

SMALL: Final = 256_000
"""Up to so many bytes go in the message itself, for which no file has to be made."""
ASKS_ABOVE: Final = 100_000_000
FOLDER: Final = in_kernel.FOLDER.replace("\\", "/")
LONGEST_SAID: Final = 300

_LOAD: Final = """import sys, types
asked = shell.parent_header["content"]["glows_nb"]
def loaded(name):
    known = asked["version"] + name
    if known not in sys.modules:
        made = types.ModuleType(known)
        exec(compile(asked["texts"][name], "<%s>" % known, "exec"), made.__dict__)
        sys.modules[known] = made
    return sys.modules[known]
loaded("in_kernel").serve(shell, asked, loaded("values"), loaded("tables"))
"""
_SHELL: Final = "__import__('IPython').get_ipython()"
_CODE: Final = f"__import__('builtins').exec({_LOAD!r}, {{'shell': {_SHELL}}})"
"""It binds no name of the user's, and needs none that the user may have bound otherwise."""


def checked_names(names: Collection[object]) -> list[str]:
    """Names that variables can have.

    Raises:
        InvalidRequest: one can't be any, or there is none.
    """
    if not names:
        raise InvalidRequest("names", "are none; give the name of a variable.")
    for name in names:
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise InvalidRequest("names", f"{visible(repr(name)[:100])} can be no variable's name.")
    return list(dict.fromkeys(map(str, names)))


@asynccontextmanager
async def packed(variables: Mapping[str, object]) -> AsyncIterator[Path]:
    """A file with a body of these, as long as it is needed.

    Raises:
        InvalidRequest: a name can't be any, or a value has no safe form.
    """
    names = checked_names(variables)
    with tempfile.TemporaryDirectory(prefix="glows-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "values"
        try:
            await asyncio.to_thread(_write, {name: variables[name] for name in names}, path)
        except values.NoSafeForm as refused:
            raise InvalidRequest(
                "variables", f"{visible(str(refused))}; write it to a file, and send that: m.send(…), %glows send."
            ) from None
        except OSError as error:
            raise RemoteError(f"{_list(names)} can't be kept here to be sent: {error.strerror}.") from error
        yield path


def _write(variables: Mapping[str, object], path: Path) -> None:
    with path.open("wb") as file:
        values.pack(variables, file, tables)


async def put(line: Line, caller: Caller, names: Sequence[str], path: Path, ask: Ask | None) -> None:
    """Set variables in the kernel there; see `Machine.put`.

    Args:
        line: to the machine.
        caller: where it is needed.
        names: of the variables.
        path: the body.
        ask: asks whether so much may be sent; None asks nothing.

    Raises:
        RemoteError: it was a no, or the machine can't take them.
        LineLost: the line broke, and could not be made again.
    """
    length = path.stat().st_size
    if ask is not None and length > ASKS_ABOVE:
        await agreed(caller, ask, f"Send {_list(names)} to {line.name}: {size(length)}?")
    asked: dict[str, Any] = {"do": "put", "names": list(names), "file": uuid.uuid4().hex}
    if length <= SMALL:
        asked["body"] = base64.b64encode(path.read_bytes()).decode()
        await _asked(line, caller, asked, ask)
        return
    # With the keeper the folder is there, which nobody else can look into.
    await is_there_already(line, caller, _CODE, ask)
    is_done = False
    try:
        await send(
            line,
            caller,
            path,
            f"{FOLDER}/{asked['file']}",
            delete=False,
            dry_run=False,
            include_ignored=True,
            ask=None,
        )
        await _asked(line, caller, asked, ask)
        is_done = True
    finally:
        if not is_done:
            await _removed(line, caller, asked["file"])


async def get(line: Line, caller: Caller, names: Sequence[str], ask: Ask | None) -> dict[str, Any]:
    """Variables of the kernel there, by name; see `Machine.get`.

    Args:
        line: to the machine.
        caller: where it is needed.
        names: of the variables.
        ask: asks whether so much may be fetched; None asks nothing.

    Raises:
        RemoteError: it was a no, the machine has not got them, or can't be believed.
        LineLost: the line broke, and could not be made again.
    """
    asked = {"do": "get", "names": list(names), "file": uuid.uuid4().hex, "most": SMALL}
    answer = await _asked(line, caller, asked, ask)
    if "size" not in answer:
        return await _read(line, names, io.BytesIO(_small_body(line, answer.get("body"))))
    length = answer["size"]
    if type(length) is not int or length <= SMALL:
        raise RemoteError(f"{line.name} can't be believed: it tells no size of {_list(names)}.")
    try:
        if ask is not None and length > ASKS_ABOVE:
            await agreed(caller, ask, f"Fetch {_list(names)} from {line.name}: {size(length)}?")
        with tempfile.TemporaryDirectory(prefix="glows-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "values"
            # What is there by now need not be what was told of.
            for dry_run in (True, False):
                transfer = await fetch(
                    line,
                    caller,
                    f"{FOLDER}/{asked['file']}",
                    path,
                    delete=False,
                    dry_run=dry_run,
                    include_ignored=True,
                    ask=None,
                )
                if transfer.sent_bytes != length:
                    raise RemoteError(
                        f"{line.name} can't be believed: {_list(names)} had {size(length)}, and have "
                        f"{size(transfer.sent_bytes)} now."
                    )
            with path.open("rb") as file:
                return await _read(line, names, file)
    finally:
        await _removed(line, caller, str(asked["file"]))


async def _read(line: Line, names: Sequence[str], file: BinaryIO) -> dict[str, Any]:
    try:
        found = await asyncio.to_thread(values.unpack, file, tables)
    except values.NoBody as error:
        raise RemoteError(f"{line.name} can't be believed: what it gave for {_list(names)} is none.") from error
    except ImportError as lacks:
        library = visible(str(lacks.name or lacks))
        raise RemoteError(f"To have {_list(names)} here needs {library}; run: pip install {library}") from None
    if set(found) != set(names):
        raise RemoteError(f"{line.name} can't be believed: it gave other variables than {_list(names)}.")
    return found


def _small_body(line: Line, text: object) -> bytes:
    try:
        if isinstance(text, str) and len(text) <= SMALL * 2:
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise RemoteError(f"{line.name} can't be believed: what it gave is none of what was asked for.")


async def _asked(line: Line, caller: Caller, asked: Mapping[str, Any], ask: Ask | None) -> Mapping[str, Any]:
    """What the kernel there answers; what it says against it is raised."""
    try:
        result = await run_hidden(line, caller, _CODE, {**asked, **_program()}, ask)
    except asyncio.CancelledError as stop:
        if asked["do"] == "put":
            stop.add_note(f"{line.name} may still set {_list(asked['names'])}, once its cell has ended.")
        raise
    if result.error is not None:
        said = visible(f"{result.error.ename}: {result.error.evalue}"[:LONGEST_SAID])
        raise RemoteError(f"{_list(asked['names'])} did not go through the kernel of {line.name}; it said: {said}")
    shown = (row.get("data", {}).get(in_kernel.MIME) for row in result.outputs)
    answer = next((each for each in shown if isinstance(each, dict) and each.get("of") == asked["file"]), None)
    if answer is None:
        raise RemoteError(f"{line.name} can't be believed: its kernel ran what it was given, and answered nothing.")
    _refuse(line, asked, answer)
    return answer


def _refuse(line: Line, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
    """Raise what the answer says against it."""
    names = _list(asked["names"])
    said = {
        key: visible(str(answer[key])[:LONGEST_SAID])
        for key in ("missing", "refused", "lacks", "failed")
        if key in answer
    }
    if "missing" in said:
        told = answer["missing"] if isinstance(answer["missing"], list) else []
        missing = [name for name in asked["names"] if name in told]
        raise RemoteError(f"The kernel on {line.name} has no variable {_list(missing) or said['missing']}.")
    if "refused" in said:
        raise RemoteError(f"{said['refused']}; on {line.name}: write it to a file, and fetch that.")
    if "lacks" in said:
        raise RemoteError(f"To have {names} there needs {said['lacks']}; on {line.name}: pip install {said['lacks']}")
    if "failed" in said:
        raise RemoteError(f"{names} could not be {_DONE[asked['do']]} on {line.name}; it said: {said['failed']}")


_DONE: Final = {"put": "set", "get": "read"}


async def _removed(line: Line, caller: Caller, name: str) -> None:
    """What is left of it there goes, where that is known to be possible; else the next body there takes it away."""
    if line.is_open:
        with suppress(GlowsError):
            files = await files_of(line, caller)
            await files.remove(f"./{FOLDER}", [name])


def _list(names: Collection[str]) -> str:
    return ", ".join(map(visible, names))


@cache
def _program() -> dict[str, Any]:
    """The texts of what runs in the kernel there, which keeps it for the next time."""
    texts = {module.__name__.rpartition(".")[2]: Path(str(module.__file__)).read_text("utf-8") for module in _MODULES}
    digest = hashlib.sha256("".join(texts.values()).encode()).hexdigest()
    return {"texts": texts, "version": f"_glows_nb_{digest[:16]}_"}


_MODULES: Final = (values, tables, in_kernel)
