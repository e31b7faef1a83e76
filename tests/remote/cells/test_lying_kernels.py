"""A machine's kernel that lies of its variables is not believed, and nothing that it gives is run."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import glows_nb as glows
from tests.remote.conftest import SANDBOX
from tests.remote.ways import Door, Service

LIES = {
    "a pickle": "{'body': base64.b64encode(pickle.dumps(Evil())).decode()}",
    "a size that is none": "{'size': -1}",
    "a size without a file": "{'size': 10**6}",
    "a file of another size": "{'size': 10**6, 'file': open(path, 'wb').write(b'x' * 300000)}",
    "a file that is a pickle": "{'size': open(path, 'wb').write(pickle.dumps(Evil()) + b'x' * 300000)}",
    "other variables": "{'body': bodies(values, tables, {'y': 1})}",
    "more variables": "{'body': bodies(values, tables, {'x': 1, 'y': 1})}",
    "no answer": "None",
    "a long one": "{'body': 'x' * 10**6}",
    "another word": "{'done': True}",
    "names that are none": "{'missing': 3}",
    "names that nobody asked for": "{'missing': ['y'] * 10**5}",
    "a reason that a terminal would obey": "{'refused': '\\x1b[2J' * 10**5}",
    "a reason that is none": "{'failed': {'a': 1}, 'size': 10**6}",
}


LIAR = """
import base64, io, os, pickle, sys
class Evil:
    def __reduce__(self):
        return exec, ("import sys; sys.evil_ran = True",)
def bodies(values, tables, variables):
    file = io.BytesIO()
    values.pack(variables, file, tables)
    return base64.b64encode(file.getvalue()).decode()
def serve(shell, asked, values, tables):
    path = os.path.expanduser('~/.glows-nb/values/' + asked['file'])
    answer = ANSWER
    shell.display_pub.publish({'application/vnd.glows-nb.values+json': answer and dict(answer, of=asked['file'])})
ours = [module for name, module in sys.modules.items() if name.startswith('_glows_nb_') and name.endswith('in_kernel')]
for module in ours:
    module.honest = getattr(module, 'honest', module.serve)
    module.serve = serve
"""


@pytest.fixture
def machine(doors: dict[str, Door]) -> Iterator[glows.Machine]:
    with Service(doors[SANDBOX]) as service, service.machine() as machine:
        machine.restart_kernel()
        yield machine


@pytest.mark.parametrize("lie", LIES)
def test_it_is_not_believed(machine: glows.Machine, lie: str) -> None:
    machine.put(x=1)
    machine.run(LIAR.replace("ANSWER", LIES[lie]), quiet=True)
    said = r"can't be believed|has no \.glows-nb|has no variable|write it to a file|it said"
    with pytest.raises(glows.RemoteError, match=said) as refused:
        machine.get("x")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 600
    assert not hasattr(sys, "evil_ran")
    machine.run("for module in ours: module.serve = module.honest", quiet=True)
    assert machine.get("x") == 1


def test_one_that_dies_is_said(machine: glows.Machine) -> None:
    machine.put(x=1)
    machine.run(LIAR.replace("ANSWER", "os.kill(os.getpid(), 9)"), quiet=True)
    with pytest.raises(glows.RemoteError, match=r"x did not go through the kernel of .* has died"):
        machine.get("x")
    with pytest.raises(glows.RemoteError, match="has no variable x"):
        machine.get("x")
