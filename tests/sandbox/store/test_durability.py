"""What was acknowledged is there after a kill -9, and was synced before it was answered."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest

from glows_nb.sandbox.server import SandboxServer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")

PROGRAM = """
import sys
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits
server = SandboxServer(path=sys.argv[1], speed=0.001, limits=Limits(instances=2000)).start()
print(server.base_url, server.token, flush=True)
sys.stdin.read()
"""
CONNECTIONS = 8
CREATES = 1000
KILL_AFTER = 400


def start(path, *wrapper):
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*wrapper, sys.executable, "-c", PROGRAM, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, *process.stdout.readline().split()


def create(connection, token, key):
    order = {
        "from_image_id": "img-6np5yvq2",
        "gpu_name": "NVIDIA GeForce RTX 4090",
        "custom_meta_key": key,
        "instance_category": "container",
        "region_name": "TW-04",
    }
    connection.request("POST", "/sdk/v1/instance", json.dumps(order), {"Authorization": f"Bearer {token}"})
    answer = json.loads(connection.getresponse().read())
    assert answer["code"] == 0
    return answer["instance"]["instanceID"]


def test_every_acknowledged_create_survives_kill_9_once(tmp_path, as_user):
    path = tmp_path / "sandbox.db"
    process, base_url, token = start(path)
    acknowledged: dict[str, str] = {}
    is_time = threading.Event()

    def create_many(number):
        connection = HTTPConnection(urlsplit(base_url).netloc, timeout=10)
        try:
            for key in range(number, CREATES, CONNECTIONS):
                acknowledged[f"key-{key}"] = create(connection, token, f"key-{key}")
                if len(acknowledged) >= KILL_AFTER:
                    is_time.set()
        except (OSError, HTTPException):
            pass  # killed
        finally:
            connection.close()

    threads = [threading.Thread(target=create_many, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    assert is_time.wait(60)
    process.send_signal(signal.SIGKILL)
    for thread in threads:
        thread.join()
    process.communicate()
    assert KILL_AFTER <= len(acknowledged) < CREATES

    with SandboxServer(path=path, speed=0.001) as server:
        api, found = as_user(server), []
        api.token = token
        pages = api.get("/instance/list", page=1, per_page=20)["pagination"]["numPages"]
        for page in range(1, pages + 1):
            found += api.get("/instance/list", page=page, per_page=20)["instances"]
    there = {machine["metaKey"]: machine["instanceID"] for machine in found}
    assert Counter(machine["metaKey"] for machine in found).most_common(1)[0][1] == 1
    assert {key: there.get(key) for key in acknowledged} == acknowledged
    # Of each connection one more may have been made, whose answer was on its way.
    assert len(there) <= len(acknowledged) + CONNECTIONS


def strace_works():
    strace = shutil.which("strace")
    if strace is None:
        return False
    return subprocess.run([strace, "-e", "trace=none", "true"], capture_output=True).returncode == 0  # noqa: S603


@pytest.mark.skipif(not strace_works(), reason="needs strace; without it only a killed process is covered")
def test_machine_is_synced_to_disk_before_it_is_answered(tmp_path):
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,write,fsync,fdatasync,sendto,sendmsg"
    wrapper = ("strace", "-f", "-y", "-s", "200", "-e", calls, "-o", str(trace))
    process, base_url, token = start(tmp_path / "sandbox.db", *wrapper)
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    instance_id = create(connection, token, "traced")
    connection.close()
    process.stdin.close()
    process.wait(30)
    process.stdout.close()
    process.stderr.close()
    lines = trace.read_text().splitlines()
    # Another thread may come between the head and the body of an answer, so its end is looked for.
    answered = next(n for n, line in enumerate(lines) if re.search(r"send(to|msg)\(", line) and instance_id in line)
    log = [n for n in range(answered) if "sandbox.db-wal>" in lines[n]]
    writes = [n for n in log if re.search(r"p?write(64)?\(", lines[n])]
    syncs = [n for n in log if re.search(r"f(data)?sync\(", lines[n])]
    assert writes
    assert max(syncs) > max(writes)
