"""The panel of one's own images: submit a registry link, follow what becomes of it, delete."""

from __future__ import annotations

from typing import Final

import ipywidgets
import pandas as pd

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.models.images import Image
from glows_nb.api.requests.images import SubmitImage
from glows_nb.frames.tables import Table, captioned
from glows_nb.widgets import texts
from glows_nb.widgets.confirmation import Question
from glows_nb.widgets.controls import button
from glows_nb.widgets.panel.actions import Say
from glows_nb.widgets.panel.live_panel import LivePanel, client_for_panel
from glows_nb.widgets.panel.polling_interval import Outcome
from glows_nb.widgets.panel.small_form import SmallForm, text_field
from glows_nb.widgets.panel.snapshots_panel import with_age
from glows_nb.widgets.table.table import TableWidget

STATUS_WORDS: Final = {0: texts.IMAGES_READY, 1: texts.IMAGES_PENDING}
"""No document says what the numbers mean (FACTS 7); these are the sandbox's, and shown with the number."""

READY: Final = 0
SHOWN: Final = ["name", "state", "age", "image_id", "created"]
SUBMISSION: Final = "submission"


def images_panel(*, client: Client | None = None) -> ImagesPanel:
    """One's own images, kept up to date, and a form that makes one of a registry link.

    Args:
        client: the client to use; without it the current one.

    Raises:
        ConfigError: there is no client and no token for one.
        InvalidRequest: `client` is no Client. What goes wrong later is said by the panel.
    """
    return ImagesPanel(client_for_panel(client))


class ImagesPanel(LivePanel):
    """The panel. An image that was submitted is followed until it is ready."""

    def __init__(self, client: Client) -> None:
        self._images: list[Image] = []
        super().__init__(client, texts.IMAGES)

    def _build(self) -> list[ipywidgets.Widget]:
        self.table = TableWidget(self._frame(), {"age": "created"})
        self.table.layout.display = "none"
        self.table.observe(lambda change: self._show_delete(), "selected")
        self.delete = button(texts.IMAGES_DELETE, self._ask_to_delete)
        self.delete.layout.align_self = "flex-start"
        self.question = Question()
        self.link = text_field(texts.IMAGES_LINK, texts.IMAGES_LINK_HINT)
        self.form = SmallForm(texts.IMAGES_FORM, {"image_link": self.link}, texts.IMAGES_SUBMIT, self._submit)
        self.form.note("image_link", texts.IMAGES_LINK_NOTE)
        return [self.table, self.delete, self.question.box, self.form.box, self._message]

    def _parts(self) -> list[ipywidgets.Widget]:
        return [*super()._parts(), *self.question.parts()]

    def _take_over(self, earlier: ImagesPanel) -> None:
        super()._take_over(earlier)
        self.link.value = earlier.link.value

    def _read(self) -> Outcome:
        images = self.client.images.all(owned=True)
        is_changed = images != self._images or self._seen_at is None
        with self._lock:
            self._images = images
        if is_changed:
            return Outcome.CHANGED
        return Outcome.SAME if all(image.status == READY for image in images) else Outcome.PASSING

    def _show(self) -> None:
        caption = texts.IMAGES_CAPTION if self._images else texts.NO_IMAGES
        self.table.frame = captioned(self._frame(), caption, is_sandbox=False)
        self.table.layout.display = ""
        self.form.button.disabled = self.work.is_under_way(SUBMISSION)
        self._show_delete()

    def _plain(self) -> Table:
        frame = self._frame().drop(columns="age")
        return captioned(frame, texts.IMAGES, is_sandbox=self.client.is_sandbox)

    def _frame(self) -> pd.DataFrame:
        frame = with_age(frames.images(self._images))
        state = [f"{STATUS_WORDS.get(image.status or 0, '?')} ({image.status})" for image in self._images]
        return frame.assign(state=pd.Series(state, dtype="string"))[SHOWN]

    def _submit(self) -> None:
        link = str(self.link.value).strip()
        # Refused here, beside the field, before anything is sent.
        SubmitImage(image_link=link)

        def job(say: Say) -> str:
            submitted = self.client.images.submit(link)
            return texts.IMAGES_SUBMITTED.format(id=submitted.image_id, name=submitted.name)

        self.work.start(SUBMISSION, texts.IMAGES_SUBMITTING.format(link=link), job)

    def _show_delete(self) -> None:
        chosen = self.table.selected
        self.delete.layout.display = "" if self._images else "none"
        self.delete.disabled = chosen is None or self.work.is_under_way(chosen)
        if chosen is None:
            self.question.close()

    def _ask_to_delete(self) -> None:
        image = next((image for image in self._images if image.image_id == self.table.selected), None)
        if image is not None:
            text = texts.IMAGES_DELETE_QUESTION.format(name=image.name, id=image.image_id)
            self.question.ask(
                "delete",
                text,
                texts.IMAGES_DELETE,
                lambda field: self._delete(image),
                asked_by=self.delete,
                then=self._retry,
                style="danger",
            )

    def _delete(self, image: Image) -> None:
        def job(say: Say) -> str:
            self.client.images.delete(image.image_id)
            return texts.IMAGES_DELETED.format(id=image.image_id)

        self.work.start(image.image_id, texts.IMAGES_DELETING.format(id=image.image_id), job)

    def _take_note(self, subject: str) -> None:
        if subject == SUBMISSION:
            self.link.value = ""

    def _say_error(self, subject: str, error: Exception) -> None:
        if subject != SUBMISSION:
            super()._say_error(subject, error)
            return
        self._say("")
        self.form.show_error(error)
