"""`glows-nb run` with a script: read, run and ended as Python itself would."""

from __future__ import annotations

import pytest

from tests.commands.terminal import Place
from tests.sandbox.machines.real import IS_REAL_HERE

pytestmark = IS_REAL_HERE


@pytest.mark.parametrize(
    ("script", "status", "out", "err"),
    [
        (b"print('out')", 0, "out\n", ""),
        (b"\xef\xbb\xbfprint('mark')", 0, "mark\n", ""),
        ("# coding: latin-1\nprint('gr\u00fcn')".encode("latin-1"), 0, "gr\u00fcn\n", ""),
        (b"import sys; print('x'); sys.exit(0)", 0, "x\n", ""),
        (b"import sys; sys.exit(4)", 4, "", ""),
        (b"import sys; sys.exit('no')", 1, "", "no\n"),
        (b"import sys; sys.exit()", 0, "", ""),
        (b"def f():\n    1 / 0\nf()", 1, "", "line 2, in f"),
        (b"print('\xff')", 2, "", "can't be read as Python"),
    ],
)
def test_script_is_read_run_and_ended_as_by_python(
    place: Place, script: bytes, status: int, out: str, err: str
) -> None:
    (place.user / "script.py").write_bytes(script)
    done = place.run("run", "train", "--again", "script.py")
    assert (done.returncode, done.stdout.decode()) == (status, out), done.stderr
    assert err in done.stderr.decode()
