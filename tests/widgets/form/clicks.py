"""What people do in the launch form, what they see in it, and patience."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from glows_nb.widgets.controls import all_parts
from glows_nb.widgets.form.launch_form import LaunchForm

RTX_4090 = "NVIDIA GeForce RTX 4090"
BOTH_CATEGORIES = "img-87p9kq26"
VM_ONLY = "img-17l3gyqd"
SSH = re.compile(r"<code>ssh -p \d+ (root|glows)@[\w.-]+</code>")


def eventually(is_so: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def choose_image(form: LaunchForm, image_id: str) -> None:
    form.fields.image.value = image_id
    form.ready()


def gpu_like(form: LaunchForm, words: str) -> Any:
    """The value of the first offer in the menu whose label holds these words."""
    return next(value for label, value in form.fields.gpu.options if words in label)


def launch_by_clicks(form: LaunchForm) -> None:
    form.button.click()
    eventually(lambda: form.question.subject)
    form.question.yes.click()


def note(form: LaunchForm, name: str) -> str:
    """What stands beside a field."""
    return html.unescape(str(form.fields._notes[name].value))


def form_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("glows form")]


def state_of(form: LaunchForm) -> str:
    """All that a saved notebook can hold of the form."""
    widgets = [form, *all_parts(form)]
    return json.dumps([widget.get_state() for widget in widgets], default=str) + repr(form) + form._plain()
