"""What is told of a transfer: what goes, what is there already, what stays where it is, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from glows_nb.remote.files.comparing import Difference
from glows_nb.remote.files.entries import Entry
from glows_nb.remote.files.machine_files import Placing
from glows_nb.remote.files.resuming import some
from glows_nb.remote.files.transfer import Transfer, add_rows


def told(
    transfer: Transfer,
    found: Difference,
    wanted: Mapping[str, Entry],
    ignored: Sequence[str],
    *,
    refused: Mapping[str, str] | None = None,
    extra: Iterable[tuple[str, Entry]] = (),
    why_extra: str = "",
) -> Transfer:
    """The transfer, with what it is going to do.

    Args:
        transfer: in whose words, and with which notes.
        found: what has to be done.
        wanted: all that is to be there in the end.
        ignored: paths that stay where they are.
        refused: paths that are left out, with the reason.
        extra: what is deleted in the end.
        why_extra: why it is.
    """
    in_the_way = dict.fromkeys(found.in_the_way, "of another kind")
    deleted = [(path, entry.size, in_the_way.get(path, why_extra)) for path, entry in extra]
    transfer.sent, transfer.skipped = len(found.new), len(found.same)
    transfer.ignored, transfer.refused, transfer.deleted = len(ignored), len(refused or {}), len(deleted)
    transfer.sent_bytes = sum(entry.size for entry in found.new.values())
    reasons: dict[str, list[str]] = {}
    for path, why in (refused or {}).items():
        reasons.setdefault(why, []).append(path)
    transfer.notes += [f"left out, {why}: {some(paths)}" for why, paths in reasons.items()]
    add_rows(transfer, transfer.verb, [(path, entry.size, "") for path, entry in found.new.items()])
    add_rows(transfer, "same", [(path, wanted[path].size, "") for path in found.same if path not in found.modes])
    add_rows(transfer, "mode", [(path, entry.size, "") for path, entry in found.modes.items()])
    add_rows(transfer, "ignored", [(path, 0, "") for path in ignored])
    add_rows(transfer, "refused", [(path, 0, why) for path, why in (refused or {}).items()])
    add_rows(transfer, "deleted", deleted)
    return transfer


def without_changed(transfer: Transfer, placing: Placing, changed: Sequence[str]) -> None:
    """Put nothing in place that became another file while it was sent, and say so."""
    for path in changed:
        del placing.files[path]
        placing.large.pop(path, None)
    if changed:
        transfer.sent -= len(changed)
        transfer.refused += len(changed)
        transfer.notes.append(
            f"{some(list(changed))} changed while being sent, and {'is' if len(changed) == 1 else 'are'} not put in "
            "place; the same call sends them."
        )
