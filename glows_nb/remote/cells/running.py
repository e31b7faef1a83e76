"""Run a cell on a machine: what it says comes here once and in order, whatever becomes of the line meanwhile."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from glows_nb.api.errors import InvalidRequest, TransportError
from glows_nb.formatting import visible
from glows_nb.remote import keeper
from glows_nb.remote.asking import Ask
from glows_nb.remote.calling import Caller
from glows_nb.remote.cells import foreign_json
from glows_nb.remote.cells.attachment import Attachment, Frame, Listener, attached
from glows_nb.remote.cells.code import key_of
from glows_nb.remote.cells.failing import CellFailed, cell_failed
from glows_nb.remote.cells.foreign import cleaned
from glows_nb.remote.cells.kernel_status import is_another, remember
from glows_nb.remote.cells.messages import data_of, encodable, taken
from glows_nb.remote.cells.outputs import Outputs, Result
from glows_nb.remote.cells.showing import OnlyNotes, Show, Silent, read_here
from glows_nb.remote.cells.widget_relay import WidgetRelay
from glows_nb.remote.errors import LIES, LineLost, NotReachable, RemoteError
from glows_nb.remote.progress import is_ending, notify

if TYPE_CHECKING:
    from glows_nb.remote.lines.line import Line

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 15.0
TRIES: Final = 5
TITLE: Final = 100
ENDS_WITHIN: Final = 0.03
"""So soon after the interrupt comes the word that this kernel is to end, if that is why."""
LONGEST_PROMPT: Final = 10_000
MOST_NOTES: Final = 100
STATUSES: Final = ("ok", "error", "aborted", "died", "ended")


async def run_cell(
    line: Line,
    caller: Caller,
    code: str,
    *,
    again: bool,
    trust: bool,
    show: Show,
    widgets: WidgetRelay | None,
    ask: Ask | None,
) -> tuple[Result, bool]:
    """Run code in the machine's kernel, see `Machine.run`; the result, and whether it was interrupted.

    Raises:
        NotReachable: the machine has ended, or can't be entered.
        RemoteError: no kernel can be begun there, or what the machine says can't be true.
    """
    run = _Run(line, caller, code, show, widgets, trust=trust)
    return await run.to_its_end(again=again, ask=ask)


async def run_hidden(line: Line, caller: Caller, code: str, given: Mapping[str, Any], ask: Ask | None) -> Result:
    """Run code of ours in the machine's kernel: it counts as no cell, and is told of nowhere.

    Args:
        line: to the machine.
        caller: where it is needed.
        code: what is run; it leaves the user's variables alone but for what it is for.
        given: what it finds in the message that it runs by.
        ask: asks whether ipykernel may be installed there; None installs it without a question.

    Raises:
        NotReachable, RemoteError: as for `run_cell`.
    """
    run = _Run(line, caller, code, OnlyNotes(line.short_name), None, trust=True, given=given)
    result, _ = await run.to_its_end(again=True, ask=ask)
    return result


async def output_of(line: Line, caller: Caller, attachment: Attachment, run_id: str) -> Result:
    """What a run has said; see `Machine.output`.

    Raises:
        InvalidRequest: the machine's kernel has run nothing of this name.
    """
    answer = await attachment.ask("status")
    run = _Run(line, caller, "", Silent(line.short_name), None, trust=False)
    try:
        found = next((each for each in reversed(answer["runs"]) if not run_id or each["id"] == run_id), None)
        if found is not None:
            run.begin_with({**answer, "run": found, "is_found": True})
    except (*LIES, OSError) as error:
        raise RemoteError(f"{line.name} can't be believed: what it says of its runs is none.") from error
    if found is None:
        raise InvalidRequest("run_id", f"{line.name} has run no {visible(run_id) or 'code'}.")
    await run.follow(attachment, "follow", {"from": int(found["first"])})
    return run.result()


async def is_there_already(line: Line, caller: Caller, code: str, ask: Ask | None) -> bool:
    """Does a run of this code go on there, or has one ended unseen? Where a line breaks meanwhile it is asked again.

    Raises:
        NotReachable, RemoteError: as for `run_cell`.
    """
    for tries in range(1, TRIES + 1):
        try:
            attachment = await attached(line, caller, ask)
            return bool((await attachment.ask("find", key=key_of(code))).get("is_found"))
        except LineLost:
            if tries == TRIES:
                raise
            await asyncio.sleep(FIRST_PAUSE)
    return False


class _Question(NamedTuple):
    """What a cell asks for."""

    identity: str
    prompt: str
    is_secret: bool


class _Run:
    """One run, by however many lines."""

    def __init__(
        self,
        line: Line,
        caller: Caller,
        code: str,
        show: Show,
        widgets: WidgetRelay | None,
        *,
        trust: bool,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self._line, self._caller, self._code, self._show, self._widgets = line, caller, code, show, widgets
        self._trust, self._given = trust, given
        self._id = uuid.uuid4().hex
        self._key = key_of(code)
        self._outputs = Outputs()
        self._waiting: deque[Callable[[], None]] = deque()
        self._life = ""
        self._next = 0
        self._is_found = self._is_interrupted = self._is_over = self._is_waiting = False
        self._status, self._began = "", time.time()
        self._reply: dict[str, Any] = {}
        self._failure: tuple[str, str, list[str]] | None = None
        self._notes = 0
        self._question: _Question | None = None
        """What the cell asks, and nobody was asked yet."""
        self._known_until, self._is_asked = 0, None
        self._once = uuid.uuid4().hex
        """The interrupt, so that it hits once however often it is told."""
        self._reply_to: tuple[str, str] | None = None
        """Of which question the answer is on its way there, and the answer."""

    async def to_its_end(self, *, again: bool, ask: Ask | None) -> tuple[Result, bool]:
        """Begin it, or find it, and take all that it says."""
        try:
            return await self._until_it_is_over(again=again, ask=ask), self._is_interrupted
        except asyncio.CancelledError as stop:
            if self._life and self._given is None:
                stop.add_note(
                    f"What runs on {self._line.name} goes on there; the same cell run again shows what it says."
                )
            raise
        finally:
            if self._widgets is not None and not self._is_over:
                self._widgets.leave_run(self._id)

    async def _until_it_is_over(self, *, again: bool, ask: Ask | None) -> Result:
        """By one line after the other, as often as they break."""
        pause, tries = 0.0, 0
        while True:
            begun, tries = self._next, tries + 1
            try:
                await asyncio.sleep(pause)
                attachment = await attached(self._line, self._caller, ask)
                await self.follow(attachment, "run", self._words(attachment, again=again))
                result = self.result()
                await self._caller.call(self._show_waiting)
                return result
            except (LineLost, NotReachable, TransportError) as error:
                # Before it is begun there is nothing to be patient for.
                is_hopeless = not self._life and (tries >= TRIES or not isinstance(error, LineLost))
                if is_hopeless or (isinstance(error, NotReachable) and not error.may_pass):
                    raise
                has_progress = self._next > begun
                if self._life and (has_progress or not pause):
                    self._note(f"[The line to {self._line.name} broke. What runs there goes on; trying again.]")
                    await self._caller.call(self._show_waiting)
                pause = FIRST_PAUSE if has_progress or not pause else min(pause * 2, LONGEST_PAUSE)

    def _words(self, attachment: Attachment, *, again: bool) -> dict[str, Any]:
        """What the keeper is asked, to begin it or to find it."""
        if self._life and attachment.life != self._life:
            # Begun again it might run twice.
            raise RemoteError(
                f"The kernel on {self._line.name} is another one than before: what ran there has been cut short, and "
                "its variables are gone. Run the cell again to begin it anew."
            )
        self._life = attachment.life
        if self._widgets is not None:
            self._widgets.show_run(self._id)
        words: dict[str, Any] = {
            "run": self._id,
            "key": self._key,
            "title": self._code.strip()[:TITLE],
            "code": self._code,
        }
        if self._given is not None:
            words["given"] = self._given
        return words | {"again": again, "from": self._next}

    def _tell_again(self, attachment: Attachment) -> None:
        # What was told over a line that broke may not have come.
        if self._is_interrupted:
            self._tell_interrupt(attachment)
        if self._reply_to is not None:
            of, value = self._reply_to
            attachment.tell("answer", of=of, value=value)

    def begin_with(self, answer: Mapping[str, Any]) -> int:
        """The keeper has begun it, or found it; the number that is lacking."""
        run = answer["run"]
        if answer["is_found"] and not self._is_found:
            self._is_found, self._id = True, str(run["id"])
            if self._widgets is not None:
                self._widgets.show_run(self._id)
            since = time.time() - float(answer["now"]) + float(run["began"])
            at = time.strftime("%H:%M", time.localtime(since))
            how = "has run there since you left it" if run["state"] == "over" else "runs there already"
            self._note(
                f"[This cell {how}, since {at} on {self._line.name}: here is what it says. --again would run it anew.]"
            )
        self._began = time.time() - max(0.0, float(answer["now"]) - float(run["began"]))
        self._is_waiting = run["state"] == "waiting"
        self._next = self._next or int(run["first"])
        # What was asked before now, and is not asked any more, has been answered.
        self._known_until, self._is_asked = int(answer["last"]), answer["asking"]
        return self._next

    async def follow(self, attachment: Attachment, do: str, words: Mapping[str, Any]) -> None:
        """Ask for it, and take all that it says from where it is known."""
        listener = Listener(self._wants, self.begin_with if do == "run" else lambda _: self._next)
        is_first = not self._next
        if self._widgets is not None:
            self._widgets.follow(attachment)
        try:
            answer = await attachment.ask(do, listener, **words)
            if self._given is not None and is_first and answer.get("state") == "busy":
                await notify(self._caller, f"A cell runs on {self._line.name}; this waits its turn.")
            elif is_first and answer.get("state") == "busy" and self._is_waiting:
                self._note(f"[Another cell runs on {self._line.name}; this one waits its turn.]")
            if is_first and self._given is None and not self._is_found and is_another(self._line, answer):
                self._note(f"[The kernel on {self._line.name} is another one by now; variables are gone.]")
            await self._shown(attachment)
            self._tell_again(attachment)
            while not self._is_over:
                frames = await self._taken(attachment, listener)
                if frames is None:
                    raise attachment.why_over()
                if listener.given_up:
                    self._note(f"[{listener.given_up} messages were too many to be kept there, and are lost.]")
                    listener.given_up = 0
                for frame in frames:
                    self._take(frame)
                    self._next = frame.number + 1
                    if self._widgets is not None and b'"comm_open"' in frame.parts[0]:
                        self._widgets.follow(attachment, frame.number)
                await self._shown(attachment)
                if self._question is not None and not self._is_over:
                    question, self._question = self._question, None
                    await self._answer(attachment, question)
            attachment.tell("seen", run=self._id)
            remember(self._line, attachment.told)
        finally:
            attachment.leave(listener)

    async def _taken(self, attachment: Attachment, listener: Listener) -> list[Frame] | None:
        """What comes next; an interrupt goes there, and what it leads to still comes."""
        try:
            return await listener.taken()
        except asyncio.CancelledError:
            self._interrupt(attachment)
            return []

    def _interrupt(self, attachment: Attachment) -> None:
        """The first is for what runs there; a second lets go of it.

        Raises:
            CancelledError: it is the second, or what runs there may be somebody's cell.
        """
        task = asyncio.current_task()
        if self._is_interrupted or task is None or self._given is not None:
            if self._given is None:
                self._show.note(
                    f"[What runs on {self._line.name} goes on there; the same cell run again shows what it says.]"
                )
            raise asyncio.CancelledError
        self._is_interrupted = True
        task.uncancel()
        asyncio.get_running_loop().call_later(ENDS_WITHIN, self._tell_or_let_go, attachment, task)

    def _tell_or_let_go(self, attachment: Attachment, task: asyncio.Task[Any]) -> None:
        """A kernel here that is to be begun anew is interrupted first; what runs there goes on then."""
        if is_ending():
            task.cancel()
        else:
            self._tell_interrupt(attachment)

    def _tell_interrupt(self, attachment: Attachment) -> None:
        attachment.tell("interrupt", run=self._id, once=self._once)

    async def _shown(self, attachment: Attachment) -> None:
        try:
            await self._caller.call(self._show_waiting)
        except asyncio.CancelledError:
            self._interrupt(attachment)

    def _show_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft()()

    def _note(self, text: str) -> None:
        self._notes += 1
        if self._notes <= MOST_NOTES:
            self._waiting.append(lambda: self._show.note(visible(text)))

    def _wants(self, frame: Frame) -> bool:
        if frame.channel == keeper.EVENT:
            return True
        return bool(foreign_json.read(frame.parts[1]).get("msg_id") == self._id)

    def _take(self, frame: Frame) -> None:
        try:
            if frame.channel == keeper.EVENT:
                self._take_event(foreign_json.read(frame.parts[0]))
            else:
                head, content = foreign_json.read(frame.parts[0]), foreign_json.read_content(frame.parts[3])
                kind = head["msg_type"]
                if kind == "input_request":
                    self._take_question(frame.number, encodable(head["msg_id"]), content)
                self._take_message(kind, content, frame.parts[4:])
        except foreign_json.TooMuch:
            self._note("[Something that was displayed there is too much to be read here.]")
        except LIES as error:
            raise RemoteError(f"{self._line.name} can't be believed: what its kernel says is no message.") from error

    def _take_question(self, number: int, identity: str, content: Mapping[str, Any]) -> None:
        if number > self._known_until or identity == self._is_asked:
            prompt = visible(encodable(content["prompt"])[:LONGEST_PROMPT])
            self._question = _Question(identity, prompt, is_secret=bool(content.get("password")))

    def _take_event(self, words: Mapping[str, Any]) -> None:
        match words["event"]:
            case "end" if words["run"] == self._id:
                self._is_over, self._status = True, STATUSES[STATUSES.index(words["status"])]
            case "ended" if not words["was_told"] and not words["was_ready"]:
                self._note(f"[The kernel on {self._line.name} can't be begun. It said: {str(words['said'])[-500:]}]")
            case "answered" if self._question is not None and self._question.identity == words["of"]:
                self._question = None

    def _take_message(self, kind: str, content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        match kind:
            case "error":
                self._failure = (
                    encodable(content["ename"]),
                    encodable(content["evalue"]),
                    [encodable(each) for each in content["traceback"]],
                )
            case "execute_reply":
                self._reply = dict(content)
                for each in content.get("payload") or ():
                    if each.get("source") == "page":
                        self._page(cleaned(data_of(each), trust=self._trust))
            case _:
                do = taken(kind, content, buffers, self._outputs, self._show, self._widgets, trust=self._trust)
                if do is not None:
                    self._waiting.append(do)

    def _page(self, data: dict[str, Any]) -> None:
        """What `name?` shows."""
        self._outputs.display(data, {}, "", None)
        self._waiting.append(lambda: self._show.page(data))

    async def _answer(self, attachment: Attachment, question: _Question) -> None:
        """Ask here what the cell asks for; the answer is kept, as the line may break before it is there."""
        try:
            value = await self._caller.call(lambda: read_here(question.prompt, question.is_secret))
        except asyncio.CancelledError:
            self._interrupt(attachment)
            return
        except Exception:
            # Nobody can be asked here, and there it would wait for ever.
            self._tell_interrupt(attachment)
            raise
        if value is not None:
            self._reply_to = question.identity, value
            attachment.tell("answer", of=question.identity, value=value)

    def result(self) -> Result:
        """What came of it."""
        error = None
        if self._status != "ok":
            error = cell_failed(self._line.name, self._status, self._failure or _failure_of(self._reply))
            self._outputs.fail(error)
            self._waiting.append(self._show.mark)
        self._outputs.finish()
        kept = self._outputs.kept
        return Result(
            self._status,
            self._outputs.rows,
            kept.text(),
            kept.path,
            error,
            self._is_found,
            time.time() - self._began,
            kept,
        )


def _failure_of(reply: Mapping[str, Any]) -> tuple[str, str, list[str]] | None:
    """The error of a cell which said nothing of it beside: of a magic that there is not, IPython writes to stderr."""
    if reply.get("status") != "error":
        return None
    name, text = str(reply.get("ename", CellFailed.__name__)), str(reply.get("evalue", ""))
    return name, text, [str(line) for line in reply.get("traceback") or ()] or [f"{name}: {text}"]
