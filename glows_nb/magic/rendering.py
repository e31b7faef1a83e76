"""How values look in a notebook: machines as a small card, errors as one sentence; no secret in either."""

from __future__ import annotations

import html

from glows_nb.api.models import Instance
from glows_nb.tables import SANDBOX_BADGE, SANDBOX_WORD


def instance_text(instance: Instance) -> str:
    """A machine in a few lines, for a terminal."""
    return "\n".join(f"{name:<9}{value}" for name, value in _facts(instance))


def instance_html(instance: Instance) -> str:
    """A machine as a small table; addresses are shown without their tokens."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{_value(name, value)}</td></tr>'
        for name, value in _facts(instance)
    )
    return f"<table>{rows}</table>"


def error_text(error: BaseException) -> str:
    """An error's kind and sentence on one line, and where the whole is to be had."""
    return f"\x1b[31m{type(error).__name__}\x1b[0m: {error}\n(%tb shows where it came from)"


def _facts(instance: Instance) -> list[tuple[str, str]]:
    """What a reader wants to know of a machine, top down; what is unknown is left out."""
    hardware, rate, jupyter = instance.hardware, instance.rate, instance.url()
    sandbox = f"{SANDBOX_WORD} " if instance.is_sandbox else ""
    name = f" “{instance.remark}”" if instance.remark else ""
    facts = [
        ("machine", f"{sandbox}{instance.instance_id}{name}"),
        ("key", instance.meta_key),
        ("status", instance.status),
        ("hardware", f"{hardware.gpus or '?'} × {hardware.gpu_name}" if hardware.gpu_name else hardware.cpu_name),
        ("region", instance.region_name),
        ("price", f"{rate}, {rate.per_day:.2f} Credits per day" if rate else ""),
        ("image", instance.base_image.image_name if instance.base_image else ""),
        ("ssh", instance.ssh_command or ""),
        ("jupyter", f"{jupyter.without_secret} (.url() gives it with its token)" if jupyter else ""),
    ]
    return [(label, value) for label, value in facts if value]


def _value(name: str, value: str) -> str:
    escaped = html.escape(value)
    if name == "ssh":
        return f"<code>{escaped}</code>"
    if name == "machine" and value.startswith(SANDBOX_WORD):
        return escaped.replace(SANDBOX_WORD, SANDBOX_BADGE, 1)
    return escaped
