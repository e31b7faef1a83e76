"""The one file that runs on a machine: it owns a Jupyter kernel, keeps what that says, and lets clients come and go.

    python keeper.py begin [NAME]   what `passing`, by which a client attaches, runs where there is none

A notebook has a keeper by its name. Each has one kernel, over sockets that only its user can reach. Every message of
the kernel gets the next number and is kept, so that a client whose line broke asks for what it lacks by the number that
it has; what is kept is bounded, and what is given up is the oldest. A run has an identity of its client's making: the
same run sent twice runs once. It imports nothing of glows_nb, and runs on Python 3.8 with ipykernel.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from array import array
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, BinaryIO, Dict, List, Optional, Sequence, Tuple

Words = Dict[str, Any]
Message = List[bytes]

PROTOCOL = 1
FOLDER, VALUES = ".glows-nb", "values"
HOME = os.path.join(os.path.expanduser("~"), FOLDER)
NAME = "".join(sys.argv[2:3]) if sys.argv[1:2] == ["begin"] else ""
SOCKET, LOCK, LOG, CONNECTION = "keeper.sock", "keeper.lock", "keeper.log", "kernel.json"
SPOOL_BYTES = 1 << 30
SEGMENT_BYTES = 16 << 20
LARGEST, LARGE_TEXT = 1 << 26, 1 << 22
AHEAD_BYTES = 1 << 18
RUNS_KEPT = 1000
TOLD_RUNS = 100
STARTS_WITHIN, ENDS_WITHIN, IDLE_WITHIN, LAST_WORDS_WITHIN = 60.0, 2.0, 1.0, 0.1
ALONE_MOST = 86400.0
BLOCK = 1 << 16
STALE, NO_PYTHON, NO_IPYKERNEL = 90, 91, 92
DELIMITER = b"<IDS|MSG>"
TEXT = re.compile(rb'\{"name": ?"[a-z]+", ?"text": ?"')
IOPUB, SHELL, CONTROL, STDIN, EVENT, REPLY = b"i", b"s", b"c", b"q", b"k", b"r"
HEAD = struct.Struct(">IQcH")
LENGTH = struct.Struct(">I")


def pack(number: int, channel: bytes, parts: Sequence[bytes]) -> bytes:
    """A frame: its length, its number (0 for what is not kept), its channel, and its parts."""
    length = HEAD.size - 4 + sum(map(len, parts)) + LENGTH.size * len(parts)
    pieces = [HEAD.pack(length, number, channel, len(parts))]
    for part in parts:
        pieces += (LENGTH.pack(len(part)), part)
    return b"".join(pieces)


def unpack(held: bytearray) -> List[Tuple[int, bytes, Message]]:
    """The frames that are whole at the beginning of what is held, which they are taken from."""
    frames: List[Tuple[int, bytes, Message]] = []
    at = 0
    view = memoryview(held)
    while len(held) - at >= HEAD.size:
        length, number, channel, count = HEAD.unpack_from(held, at)
        end = at + 4 + length
        if len(held) < end:
            break
        parts, place = [], at + HEAD.size
        for _ in range(count):
            if place + LENGTH.size > end:
                raise ValueError("a part is longer than its frame")
            (size,) = LENGTH.unpack_from(held, place)
            place += LENGTH.size
            parts.append(bytes(view[place : place + size]))
            place += size
        if place != end:
            raise ValueError("a frame is not as long as its parts")
        frames.append((number, channel, parts))
        at = end
    view.release()
    del held[:at]
    return frames


class Segment:
    """Some of what is kept, in a file without a name: it goes when the keeper goes."""

    def __init__(self, first: int, is_in_memory: bool) -> None:
        self.first = first
        self.ends = array("Q", [0])
        self.data = bytearray() if is_in_memory else None
        self.file: Optional[BinaryIO] = None
        if not is_in_memory:
            self.file = tempfile.TemporaryFile(dir=".")

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return self.ends[-1]

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self.first + len(self.ends) - 2

    def add(self, record: bytes) -> None:
        """Keep one more."""
        if self.data is not None:
            self.data += record
        elif self.file is not None:
            place, left = self.size, memoryview(record)
            while left:
                written = os.pwrite(self.file.fileno(), left, place)
                place, left = place + written, left[written:]
        self.ends.append(self.size + len(record))

    def read(self, number: int, most: int) -> Tuple[bytes, int]:
        """Records from a number on: one, and more while they are not over so many bytes; and the number after."""
        index = number - self.first
        begin, end = self.ends[index], index + 1
        while end + 1 < len(self.ends) and self.ends[end + 1] - begin <= most:
            end += 1
        length = self.ends[end] - begin
        if self.data is not None:
            return bytes(self.data[begin : begin + length]), self.first + end
        pieces: List[bytes] = []
        while length and self.file is not None:
            piece = os.pread(self.file.fileno(), length, begin)
            pieces.append(piece)
            begin, length = begin + len(piece), length - len(piece)
        return b"".join(pieces), self.first + end

    def close(self) -> None:
        """Give it up."""
        if self.file is not None:
            self.file.close()


class Spool:
    """All that is kept; the oldest segments go when there is too much, or no room on the disk."""

    def __init__(self, most: int = SPOOL_BYTES) -> None:
        self.most = most
        self.segments = [Segment(1, False)]

    @property
    def first(self) -> int:
        """The number of the first that is still there."""
        return self.segments[0].first

    @property
    def last(self) -> int:
        """The number of the last."""
        return self.segments[-1].last

    def add(self, channel: bytes, parts: Sequence[bytes]) -> int:
        """Keep something; its number."""
        number = self.last + 1
        record = pack(number, channel, parts)
        if self.segments[-1].size >= SEGMENT_BYTES:
            self._begin(number)
        while len(self.segments) > 1 and sum(each.size for each in self.segments) + len(record) > self.most:
            self._give_up()
        while True:
            try:
                self.segments[-1].add(record)
                return number
            except OSError:
                # The disk is full: the oldest goes, and at last this goes on in memory.
                if len(self.segments) > 1:
                    self._give_up()
                else:
                    self.segments.append(Segment(number, True))
                    self.most = 2 * SEGMENT_BYTES

    def read(self, number: int, most: int) -> Tuple[bytes, int]:
        """Records from a number on, or from the first that is still there; and the number after."""
        number = max(number, self.first)
        segment = next(each for each in reversed(self.segments) if each.first <= number)
        return segment.read(number, most)

    def _begin(self, number: int) -> None:
        try:
            self.segments.append(Segment(number, self.segments[-1].data is not None))
        except OSError:
            self.segments.append(Segment(number, True))

    def _give_up(self) -> None:
        self.segments.pop(0).close()


class Client:
    """Somebody who is attached."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.held = bytearray()
        self.waiting = bytearray()
        self.next: Optional[int] = None

    def say(self, **words: Any) -> None:
        """Tell it something that is not kept."""
        self.waiting += pack(0, REPLY, [as_json(words)])

    def follow(self, number: int) -> None:
        """From this number on it lacks something; what it has already of that it drops. 0 is that it lacks nothing."""
        self.next = min(number, self.next or number) or None

    def fill(self, spool: Spool) -> None:
        """Take more of what is kept, if it was given what there was."""
        while self.next is not None and self.next <= spool.last and len(self.waiting) < AHEAD_BYTES:
            records, self.next = spool.read(self.next, AHEAD_BYTES)
            self.waiting += records


class Kernel:
    """A kernel's process and the sockets to it."""

    def __init__(self, context: Any) -> None:
        import zmq

        self.key = uuid.uuid4().hex.encode()
        self.session = uuid.uuid4().hex
        self.name = "kernel-" + uuid.uuid4().hex[:8]
        self.is_ready = self.is_heard = False
        self.began = self.asked = self.spoke = time.monotonic()
        self.ends_by: Optional[float] = None
        self.info: Words = {}
        settings: Words = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5}
        settings.update(transport="ipc", ip=self.name, key=self.key.decode(), signature_scheme="hmac-sha256")
        with open(CONNECTION, "w", opener=private) as file:
            json.dump(settings, file)
        self.sockets: Dict[bytes, Any] = {}
        # With the ends of queues open nothing is dropped, however fast it comes.
        kinds = {SHELL: (zmq.DEALER, 1), IOPUB: (zmq.SUB, 2), STDIN: (zmq.DEALER, 3), CONTROL: (zmq.DEALER, 4)}
        for channel, (kind, port) in kinds.items():
            made = context.socket(kind)
            made.linger, made.rcvhwm, made.sndhwm, made.reconnect_ivl = 0, 0, 0, 10
            if kind == zmq.DEALER:
                # What a kernel asks for goes to who has the identity of the request.
                made.identity = self.session.encode()
            else:
                made.subscribe(b"")
            made.connect("ipc://%s-%d" % (self.name, port))
            self.sockets[channel] = made
        log = open(LOG, "ab", opener=private)
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "kernel"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=dict(os.environ, JPY_PARENT_PID=str(os.getpid())),
        )
        log.close()
        self.ask_for_info()

    def ask_for_info(self) -> None:
        """Ask what it is, to hear whether it is there."""
        self.asked = time.monotonic()
        self.send(SHELL, "kernel_info_request", {})

    def send(self, channel: bytes, kind: str, content: Words, parent: Optional[Words] = None) -> None:
        """Send a message of the keeper's own."""
        self.pass_on(channel, [as_json(header(kind)), as_json(parent or {}), b"{}", as_json(content)])

    def pass_on(self, channel: bytes, parts: Sequence[bytes]) -> None:
        """Send a message as it is: header, parent, metadata, content, buffers."""
        digest = hmac.new(self.key, digestmod=hashlib.sha256)
        for part in parts[:4]:
            digest.update(part)
        self.sockets[channel].send_multipart([DELIMITER, digest.hexdigest().encode(), *parts])

    def signal(self, number: int) -> None:
        """To it, and to what it has started in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """End it."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        for each in self.sockets.values():
            each.close(0)
        for port in range(1, 6):
            with suppress(OSError):
                os.unlink("%s-%d" % (self.name, port))


class Keeper:
    """Passes messages between the kernel and whoever is attached, and knows of every run how it went."""

    def __init__(self, listening: socket.socket) -> None:
        import zmq

        self.zmq = zmq
        self.context = zmq.Context()
        self.poller = zmq.Poller()
        self.life = uuid.uuid4().hex
        self.spool = Spool()
        self.listening = listening
        self.clients: Dict[int, Client] = {}
        self.kernel: Optional[Kernel] = None
        self.runs: OrderedDict[str, Words] = OrderedDict()
        self.going: List[Words] = []
        self.requests: Dict[str, Message] = {}
        self.pending: List[Message] = []
        self.asking: Optional[Words] = None
        self.state, self.since, self.seen = "none", time.time(), time.monotonic()
        self.taken, self.is_over = 0, False
        self.poller.register(listening, zmq.POLLIN)
        # A child that ends wakes the loop.
        self.woken, waking = socket.socketpair()
        self.woken.setblocking(False)
        waking.setblocking(False)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._waking = waking
        self.poller.register(self.woken, zmq.POLLIN)

    def serve(self) -> None:
        """Until it is told to stop."""
        while not self.is_over:
            for number, client in self.clients.items():
                client.fill(self.spool)
                self.poller.modify(number, self.zmq.POLLIN | (self.zmq.POLLOUT if client.waiting else 0))
            wait = 20 if self.kernel is not None and not self.kernel.is_ready else 500
            ready = dict(self.poller.poll(wait))
            if self.kernel is not None:
                for channel in (IOPUB, SHELL, CONTROL, STDIN):
                    if self.kernel.sockets[channel] in ready:
                        self.take(self.kernel, channel)
            if self.listening.fileno() in ready or self.listening in ready:
                self.accept()
            self.look_after_kernel()
            if self.clients or not NAME or self.state == "busy":
                self.seen = time.monotonic()
            elif time.monotonic() - self.seen > ALONE_MOST:
                self.is_over = True
            for number, flags in ready.items():
                if number in self.clients:
                    self.look_after(number, self.clients[number], flags)
        if self.kernel is not None:
            self.kernel.close()

    def accept(self) -> None:
        """Somebody attaches."""
        connection, _ = self.listening.accept()
        connection.setblocking(False)
        client = self.clients[connection.fileno()] = Client(connection)
        self.poller.register(connection.fileno(), self.zmq.POLLIN)
        client.say(hello=PROTOCOL, **self.told())

    def told(self) -> Words:
        """How things stand."""
        return {
            "life": self.life,
            "first": self.spool.first,
            "last": self.spool.last,
            "state": self.state,
            "since": self.since,
            "now": time.time(),
            "taken": self.taken,
            "kernel": self.kernel.info if self.kernel is not None else {},
            "asking": self.asking["msg_id"] if self.asking is not None else None,
        }

    def look_after(self, number: int, client: Client, flags: int) -> None:
        """Give it what waits for it, and do what it asks for; one that is gone or talks nonsense is let go."""
        try:
            if flags & self.zmq.POLLOUT and client.waiting:
                del client.waiting[: client.connection.send(memoryview(client.waiting)[: 1 << 20])]
            if flags & ~self.zmq.POLLOUT:
                piece = client.connection.recv(BLOCK)
                client.held += piece
                for count, channel, parts in unpack(client.held):
                    self.do(client, count, channel, parts)
                if not piece:
                    raise ConnectionError
        except BlockingIOError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not isinstance(error, OSError):
                print("a client was let go:", repr(error), file=sys.stderr, flush=True)
            self.poller.unregister(number)
            self.clients.pop(number).connection.close()

    def do(self, client: Client, number: int, channel: bytes, parts: Sequence[bytes]) -> None:
        """What a client asks for: words as JSON, or a message for a channel of the kernel's, each number once."""
        if channel != REPLY:
            if number > self.taken or not number:
                self.taken = max(number, self.taken)
                self.wanted([channel, *parts])
            return
        words = json.loads(parts[0].decode())
        kind, answer = words["do"], {"to": words.get("number")}
        if kind == "follow":
            client.follow(words["from"])
        elif kind == "run":
            answer.update(self.run(words))
            client.follow(words["from"] or answer["run"]["first"])
        elif kind == "seen" and words["run"] in self.runs:
            self.runs[words["run"]]["is_seen"] = True
            if self.runs[words["run"]]["is_hidden"]:
                del self.runs[words["run"]]
        elif kind == "answer":
            self.answer(words)
        elif kind == "interrupt" and self.kernel is not None:
            self.interrupt(self.kernel, words.get("run"), words.get("once"))
        elif kind == "restart":
            self.end_kernel()
        elif kind == "start":
            self.start_kernel()
        elif kind == "status":
            answer["runs"] = [run for run in self.runs.values() if not run["is_hidden"]][-TOLD_RUNS:]
        elif kind == "find":
            answer["is_found"] = self.found(words["key"]) is not None
        elif kind == "stop":
            self.is_over = True
        answer.update(self.told())
        client.say(**answer)

    def run(self, words: Words) -> Words:
        """Begin a run, or find one: this very one, or of the same text one that goes on or has ended unseen."""
        known = self.runs.get(words["run"])
        if known is None and not words.get("again"):
            known = self.found(words["key"])
        if known is not None:
            return {"run": known, "is_found": known["id"] != words["run"]}
        run: Words = {"id": words["run"], "key": words["key"], "title": words["title"][:200], "state": "waiting"}
        is_hidden = run["is_hidden"] = "given" in words
        run.update(status=None, began=time.time(), ended=None, last=None, interrupted=None)
        run.update(is_seen=False, is_begun=False, is_due=False, has_reply=False, is_idle=False)
        self.runs[run["id"]] = run
        self.going.append(run)
        while len(self.runs) > RUNS_KEPT:
            self.runs.popitem(last=False)
        run["first"] = self.event("begin", run=run["id"])
        content: Words = {"code": words["code"], "silent": is_hidden, "store_history": not is_hidden}
        content.update(allow_stdin=True, user_expressions={}, stop_on_error=False, glows_nb=words.get("given"))
        request = header("execute_request", run["id"])
        self.requests[run["id"]] = [SHELL, as_json(request), b"{}", b"{}", as_json(content)]
        self.begin_next()
        return {"run": run, "is_found": False}

    def begin_next(self) -> None:
        """One after the other: what only waits can be taken out."""
        request = self.requests.pop(self.going[0]["id"], None) if self.going else None
        if request is not None:
            self.wanted(request)

    def interrupt(self, kernel: Kernel, identity: Optional[str], once: Optional[str]) -> None:
        """Whatever runs, or this run: one that waits is taken out, and one that is to begin is hit when it has."""
        run = self.runs.get(identity or "")
        if run is None:
            kernel.signal(signal.SIGINT)
        # Told again, as by who did not hear whether it came, it would hit what the first has led to.
        elif run["state"] != "over" and (once is None or once != run["interrupted"]):
            run["interrupted"] = once
            kept = [each for each in self.pending if json.loads(each[1].decode())["msg_id"] != run["id"]]
            if run["id"] in self.requests or len(kept) < len(self.pending):
                self.pending = kept
                run["status"] = "aborted"
                self.end_run(run)
            elif run["is_begun"]:
                kernel.signal(signal.SIGINT)
            else:
                run["is_due"] = True

    def found(self, key: str) -> Optional[Words]:
        """A run of the same text that goes on or has ended unseen."""
        same = (each for each in reversed(self.runs.values()) if each["key"] == key)
        return next((each for each in same if each["state"] != "over" or not each["is_seen"]), None)

    def wanted(self, message: Message) -> None:
        """Pass a message on, once there is a kernel for it."""
        kernel = self.start_kernel()
        if kernel.is_ready and kernel.ends_by is None:
            kernel.pass_on(message[0], message[1:])
        else:
            self.pending.append(message)

    def answer(self, words: Words) -> None:
        """What somebody typed; the first who answers does."""
        if self.kernel is None or self.asking is None or self.asking["msg_id"] != words["of"]:
            return
        self.kernel.send(STDIN, "input_reply", {"value": words["value"]}, parent=self.asking)
        self.event("answered", of=words["of"])
        self.asking = None

    def event(self, name: str, **words: Any) -> int:
        """Keep something that the keeper itself has to say; its number."""
        return self.spool.add(EVENT, [as_json(dict(words, event=name, at=time.time()))])

    def start_kernel(self) -> Kernel:
        """The kernel that there is, or another."""
        if self.kernel is None:
            self.kernel = Kernel(self.context)
            for each in self.kernel.sockets.values():
                self.poller.register(each, self.zmq.POLLIN)
            self.become("starting")
        return self.kernel

    def end_kernel(self) -> None:
        """Tell it to end; whoever wants something after that gets another."""
        kernel = self.kernel
        if kernel is not None and kernel.ends_by is None:
            kernel.ends_by = time.monotonic() + ENDS_WITHIN
            kernel.send(CONTROL, "shutdown_request", {"restart": False})
            # One that computes hears of it only so.
            kernel.signal(signal.SIGINT)

    def become(self, state: str) -> None:
        """It is starting, idle, busy, or there is none."""
        if state != self.state:
            self.state, self.since = state, time.time()
            for client in self.clients.values():
                client.say(**self.told())

    def look_after_kernel(self) -> None:
        """Has it ended, does it begin, has a run ended whose last message does not come?"""
        try:
            while self.woken.recv(1024):
                pass
        except BlockingIOError:
            pass
        kernel, now = self.kernel, time.monotonic()
        if kernel is None:
            return
        if kernel.ends_by is not None and now > kernel.ends_by:
            kernel.signal(signal.SIGKILL)
        if not kernel.is_ready and now - kernel.began > STARTS_WITHIN:
            kernel.signal(signal.SIGKILL)
        elif not kernel.is_ready and now - kernel.asked > 0.1:
            kernel.ask_for_info()
        for run in list(self.going):
            if run["state"] == "running" and (run["has_reply"] or run["is_idle"]) and now - kernel.spoke > IDLE_WITHIN:
                self.end_run(run)
        if kernel.process.poll() is not None:
            self.bury(kernel)

    def bury(self, kernel: Kernel) -> None:
        """It has ended: what it said last, what ran, and what waited for it."""
        for channel, each in kernel.sockets.items():
            # What it wrote before its end may not all have been read, though nobody writes any more.
            while each.poll(LAST_WORDS_WITHIN * 1000 if channel == IOPUB else 0):
                self.take(kernel, channel)
            self.poller.unregister(each)
        kernel.close()
        self.kernel = self.asking = None
        self.become("none")
        was_told, was_ready = kernel.ends_by is not None, kernel.is_ready
        said = "" if was_told or was_ready else last_words()
        self.event("ended", status=kernel.process.returncode, was_told=was_told, was_ready=was_ready, said=said)
        if not (was_ready or was_told):
            self.pending.clear()
            self.requests.clear()
        waiting = {json.loads(each[1].decode())["msg_id"] for each in self.pending}
        # Those that were sent; with the end of one the next goes to another kernel.
        sent = [run for run in self.going if run["id"] not in waiting and run["id"] not in self.requests]
        for run in sent:
            run["status"] = "ended" if was_told else "died"
            self.end_run(run)
        if self.pending:
            self.start_kernel()

    def take(self, kernel: Kernel, channel: bytes) -> None:
        """Number and keep all that has come on a channel."""
        for _ in range(2000):
            try:
                frames = kernel.sockets[channel].recv_multipart(self.zmq.NOBLOCK)
            except self.zmq.Again:
                return
            parts = frames[frames.index(DELIMITER) + 2 :]
            head, parent = json.loads(parts[0].decode()), json.loads(parts[1].decode())
            kind, run = head["msg_type"], self.runs.get(parent.get("msg_id"))
            if kind == "kernel_info_reply" and not kernel.is_ready:
                kernel.info = dict(json.loads(parts[3].decode()).get("language_info", {}), pid=kernel.process.pid)
                self.begin_to_run(kernel)
                continue
            if channel == IOPUB:
                kernel.is_heard = True
                if parent.get("msg_type") == "kernel_info_request" and parent.get("session") == "glows":
                    self.begin_to_run(kernel)
                    continue
            kernel.spoke = time.monotonic()
            for piece in in_pieces(kind, parts):
                self.spool.add(channel, piece)
            if kind == "status":
                self.note_status(json.loads(parts[3].decode())["execution_state"], parent, run)
            elif kind == "input_request":
                self.asking = head
            elif kind == "execute_input" and run is not None:
                run["is_begun"] = True
                if run["is_due"]:
                    kernel.signal(signal.SIGINT)
            elif kind == "execute_reply" and run is not None:
                run["has_reply"], run["status"] = True, json.loads(parts[3].decode())["status"]
                if run["is_idle"]:
                    self.end_run(run)

    def begin_to_run(self, kernel: Kernel) -> None:
        """It is ready when it has answered and is heard, or what it says first would be lost."""
        if kernel.is_ready or not (kernel.info and kernel.is_heard):
            return
        kernel.is_ready = True
        self.become("idle")
        self.event("ready", kernel=kernel.info)
        for message in self.pending:
            kernel.pass_on(message[0], message[1:])
        self.pending.clear()

    def note_status(self, state: str, parent: Words, run: Optional[Words]) -> None:
        """It is busy with a run, or idle after one."""
        if parent.get("msg_type") != "execute_request":
            return
        self.become(state)
        if run is not None and state == "busy":
            run["state"], run["began"] = "running", time.time()
        elif run is not None and state == "idle":
            run["is_idle"] = True
            if run["has_reply"]:
                self.end_run(run)

    def end_run(self, run: Words) -> None:
        """All that it said is kept."""
        if run["state"] == "over":
            return  # its last message was later than it was waited for
        self.going.remove(run)
        self.requests.pop(run["id"], None)
        if run["state"] == "running":
            self.asking = None
        run["state"], run["ended"] = "over", time.time()
        run["last"] = self.event("end", run=run["id"], status=run["status"] or "aborted")
        self.begin_next()


def header(kind: str, identity: str = "") -> Words:
    """The header of a message."""
    made = {"msg_id": identity or uuid.uuid4().hex, "msg_type": kind, "session": "glows", "username": "glows"}
    return dict(made, date=datetime.now(timezone.utc).isoformat(), version="5.3")


def as_json(value: Any) -> bytes:
    """A value as it goes over a line."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def in_pieces(kind: str, parts: Message) -> List[Message]:
    """A message, or several where it is so long that it would hold up all others; what can't be cut is left out."""
    if sum(map(len, parts)) <= (LARGE_TEXT if kind == "stream" else LARGEST):
        return [parts]
    begin = TEXT.match(parts[3]) if kind == "stream" and parts[3].endswith(b'"}') and b"\\ud" not in parts[3] else None
    if begin is not None:
        # To read and write it anew would take longer than all else.
        ends, end = [begin.end()], len(parts[3]) - 2
        while ends[-1] < end:
            to = ends[-1] + (LARGE_TEXT >> 1)
            ends.append(between_signs(parts[3], to) if to < end else end)
        texts = [begin.group() + parts[3][at:to] + b'"}' for at, to in zip(ends, ends[1:])]
        return [[another(parts[0], number), *parts[1:3], text] for number, text in enumerate(texts)]
    head, content = json.loads(parts[0].decode()), json.loads(parts[3].decode())
    if kind != "stream":
        content = {"name": "stderr", "text": "[%s of %d MB was too large to be kept]\n" % (kind, len(parts[3]) >> 20)}
    text, most = content["text"], LARGE_TEXT >> 1
    first = as_json(dict(head, msg_type="stream"))
    texts = [as_json(dict(content, text=text[at : at + most])) for at in range(0, len(text), most)]
    return [[another(first, number), *parts[1:3], text] for number, text in enumerate(texts)]


def another(head: bytes, number: int) -> bytes:
    """The header of one of several messages: front ends refuse two that are the same."""
    made = json.loads(head.decode())
    return as_json(dict(made, msg_id="%s_%d" % (made["msg_id"], number))) if number else head


def between_signs(text: bytes, at: int) -> int:
    """A place in JSON's text, there or a little before, where neither a sign nor an escape is cut."""
    while text[at] & 0xC0 == 0x80:
        at -= 1
    last = text.rfind(b"\\", at - 5, at)
    first = last
    while first > 0 and text[first - 1] == 0x5C:
        first -= 1
    return at if last < 0 or (last - first) % 2 else last


def private(path: str, flags: int) -> int:
    """Opens a file for its owner alone."""
    return os.open(path, flags, 0o600)


def last_words() -> str:
    """The end of what the kernel's process has written beside its messages."""
    with open(LOG, "rb") as file:
        file.seek(max(0, os.path.getsize(LOG) - 2000))
        return file.read().decode(errors="replace").strip()


def run_kernel() -> None:
    """The kernel's own process: ipykernel, whose queues have no ends either."""
    from ipykernel.kernelapp import IPKernelApp

    class App(IPKernelApp):
        def init_iopub(self, context: Any) -> None:
            context.sndhwm = context.rcvhwm = 0
            super().init_iopub(context)  # type: ignore[no-untyped-call]

    try:
        # Where memory runs out this goes before the keeper does.
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass
    app = App.instance()
    app.initialize(["-f", CONNECTION])  # type: ignore[no-untyped-call]
    os.chdir(os.path.expanduser("~"))
    sys.path[:] = [""] + [each for each in sys.path if each not in ("", os.path.dirname(os.path.abspath(__file__)))]
    app.start()  # type: ignore[no-untyped-call]


def connected() -> Optional[socket.socket]:
    """A connection to the keeper that runs; None where none does."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(SOCKET)
        return made
    except OSError as error:
        made.close()
        if error.errno not in (errno.ENOENT, errno.ECONNREFUSED):
            raise
        return None


def begin() -> None:
    """Begin a keeper that outlives whoever began it; when this returns it listens."""
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(SOCKET)
    listening.listen(64)
    child = os.fork()
    if child:
        listening.close()
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nothing, log = os.open(os.devnull, os.O_RDWR), os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, listening.fileno())
    os.closerange(listening.fileno() + 1, 256)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Keeper(listening).serve()
    finally:
        os.unlink(SOCKET)
        if NAME:
            shutil.rmtree(os.getcwd(), ignore_errors=True)
        os._exit(0)


def begin_once() -> None:
    """Have a keeper run; it is begun once, however many come at a time."""
    os.umask(0o077)
    for name in (NAME, VALUES):
        os.makedirs(os.path.join(HOME, name), mode=0o700, exist_ok=True)
    os.chdir(os.path.join(HOME, NAME))
    with open(os.path.abspath(__file__), "rb") as file:
        if hashlib.sha256(file.read()).hexdigest()[:16] not in os.path.basename(__file__):
            sys.exit(STALE)
    with open(LOCK, "w", opener=private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = connected()
        if made is None:
            try:
                import ipykernel  # noqa: F401
            except ImportError:
                os.unlink(os.path.join(HOME, "python"))
                sys.exit(NO_IPYKERNEL)
            begin()
            made = connected()
        if made is None:
            sys.exit("the keeper has ended at once; see " + LOG)
        made.close()


if __name__ == "__main__":
    run_kernel() if sys.argv[1:] == ["kernel"] else begin_once()
