"""One machine on a page of its own, as HTML: facts, ways in, networks, its timeline, and the raw answer, masked."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any, Final

from glows_nb import frames
from glows_nb.api.models.instances import Instance
from glows_nb.frames.tables import MISSING, written
from glows_nb.ledger.records import MachineRecord
from glows_nb.widgets import texts
from glows_nb.widgets.markup import escaped, time_html

SECRET_WORDS: Final = ("password", "token", "secret", "authorization", "envs")
MASK: Final = "**********"


def page_html(machine: Instance, record: MachineRecord | None) -> str:
    """The page. Access URLs come without their tokens; password and environment are masked."""
    return "".join(
        [
            _section(texts.PANEL_FACTS, _facts(machine)),
            _section(texts.PANEL_ACCESSES, _accesses(machine)),
            _section(texts.PANEL_NETWORK, _networks(machine)),
            _section(texts.PANEL_TIMELINE, _timeline(machine, record)),
            f'<details><summary tabindex="0">{escaped(texts.PANEL_RAW)}</summary>'
            f'<pre class="glows-raw" tabindex="0">{html.escape(json.dumps(masked(machine), indent=2))}</pre></details>',
        ]
    )


def masked(machine: Instance) -> Any:
    """The machine as the service told it, in the wire's names, with every secret masked, unknown fields too."""
    return _masked(machine.model_dump(mode="json", by_alias=True))


def _masked(value: Any, name: str = "") -> Any:
    if any(word in name.lower() for word in SECRET_WORDS):
        return MASK if value else value
    if isinstance(value, dict):
        return {key: _masked(part, str(key)) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    if isinstance(value, str) and "://" in value:
        return value.partition("?")[0]
    return value


def _facts(machine: Instance) -> str:
    image, created = machine.base_image, machine.create_time
    facts = [
        (texts.PANEL_ID, escaped(machine.instance_id)),
        (texts.PANEL_KEY, escaped(machine.meta_key)),
        (texts.PANEL_IMAGE, escaped(f"{image.image_name} ({image.image_id})") if image else ""),
        (texts.PANEL_SNAPSHOT_OF, escaped(machine.base_snap.snapshot_id) if machine.base_snap else ""),
        (texts.PANEL_MEMORY, _memory(machine)),
        (texts.PANEL_CREATED, time_html(created) if created else ""),
        (texts.PANEL_COMMAND, f"<code>{html.escape(machine.cmd)}</code>" if machine.cmd else ""),
    ]
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in facts if value)
    return f"<table>{rows}</table>"


def _memory(machine: Instance) -> str:
    hardware = machine.hardware
    parts = [
        (hardware.cpus, texts.PANEL_CPUS),
        (hardware.ram_mb / 1024, texts.PANEL_GB_RAM),
        (hardware.disk_gb, texts.PANEL_GB_DISK),
    ]
    return ", ".join(f"{number:g} {unit}" for number, unit in parts if number)


def _accesses(machine: Instance) -> str:
    rows = [
        (access.listen_port, access.protocol, url.without_secret if (url := machine.url(access.listen_port)) else "")
        for access in machine.accesses
    ]
    return _table((texts.PANEL_PORT, texts.PANEL_PROTOCOL, texts.PANEL_ADDRESS), rows) or texts.PANEL_NO_ACCESS


def _networks(machine: Instance) -> str:
    rows = [(end.network_id, end.cidr, end.mac, end.status) for end in machine.network_endpoints]
    return (
        _table((texts.PANEL_NETWORK_ID, texts.PANEL_CIDR, texts.PANEL_MAC, texts.PANEL_STATUS), rows)
        or texts.PANEL_IN_NO_NETWORK
    )


def _timeline(machine: Instance, record: MachineRecord | None) -> str:
    if record is None:
        return texts.PANEL_NO_TIMELINE
    seen = written(frames.timeline(record.sightings))
    if record.last.status == machine.status and not machine.is_terminal:
        # The ledger notes what goes on unchanged every few seconds only.
        seen.loc[seen.index[-1], "until"] = texts.PANEL_STILL
    return _table(
        (texts.PANEL_STATUS, texts.PANEL_SINCE, texts.PANEL_UNTIL, texts.PANEL_PRICE), seen.itertuples(index=False)
    )


def _section(title: str, body: str) -> str:
    return f"<section><h4>{escaped(title)}</h4>{body}</section>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{escaped(str(cell) or MISSING)}</td>" for cell in row) + "</tr>" for row in rows
    )
    head = "".join(f"<th scope='col'>{escaped(heading)}</th>" for heading in headings)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
