"""An example of each command, and what it shows; of each command one that fails, and how."""

from __future__ import annotations

import click

from glows_nb.commands import group
from glows_nb.commands.group import Command

OWN_IMAGE = "img-9x8y7z6w"
EXAMPLES = [
    "help launch",
    "help network create",
    "sandbox",
    "use sandbox",
    "config",
    "doctor",
    "specs --gpu 4090 --sort price",
    "specs --available --where 'gpus >= 8'",
    "cheapest",
    "cheapest --min-vram 24 --region TW-03",
    "images torch",
    "images --owned",
    "launch --gpu 4090 --dry-run",
    "launch --gpu 4090 --name train --max-price 0.60 --wait --yes",
    "launch --gpu 4090 --region TW-04 --region TW-03 --name web --port 8000/http --yes",
    "launch --gpu 4090 --name job --cmd 'python -m http.server 8080' --env EPOCHS=3 --yes",
    "launch --cpu 8468 --name prepare --dry-run",
    "wait train",
    "wait train --until running --timeout 60",
    "list --status Running",
    "ls --limit 5",
    "show train",
    "stats",
    "ssh train",
    "url train",
    "url train --port 8888",
    "open train",
    "form",
    "form --name train",
    "panel",
    "snap train --name before-tuning --wait",
    "snapshots",
    "networks",
    "networks --public-ip",
    "network create team --region TW-01",
    "network attach team train",
    "network endpoints team",
    "image submit registry.example.com/team/runtime:cuda12.2",
    f"image rm {OWN_IMAGE} --yes",
    "login",
    "login --profile lab",
    "use lab",
    "logout",
    "logout --profile lab",
    "spend",
    "spend --since 2026-01-31",
    "park train --yes",
    "unpark train --yes",
    "wait train --timeout 60",
    "cancel train --wait --yes",
    "launch --gpu 4090 --name short --wait --yes",
    "rm short --yes",
    "cancel --all --yes",
    "cancel --all --others --yes",
]
KINDS = {
    "help": "NoneType",
    "sandbox": "Client",
    "use": "Client",
    "config": "Table",
    "doctor": "Diagnosis",
    "specs": "Table",
    "cheapest": "Spec",
    "images": "Table",
    "launch": "Instance",
    "wait": "Instance",
    "list": "Table",
    "ls": "Table",
    "show": "Instance",
    "stats": "dict",
    "ssh": "str",
    "url": "AccessUrl",
    "open": "OpenButton",
    "form": "LaunchForm",
    "panel": "Panel",
    "snap": "SnapshotsCreated",
    "snapshots": "Table",
    "networks": "Table",
    "network create": "str",
    "network attach": "Attached",
    "network endpoints": "Table",
    "image submit": "SubmittedImage",
    "image rm": "NoneType",
    "login": "Client",
    "logout": "NoneType",
    "spend": "Table",
    "park": "Parked",
    "unpark": "Instance",
    "cancel": "NoneType",
    "rm": "NoneType",
}
DISPLAYS = {
    "specs --gpu 4090 --sort price": r"SANDBOX · 4 offers for image .*prices in Credits per hour",
    "cheapest": r"offer +1 × NVIDIA GeForce RTX 4090",
    "images torch": r"SANDBOX · \d+ images?",
    "image submit registry.example.com/team/runtime:cuda12.2": r"image +img-\w+\nname +sdk-.*runtime",
    f"image rm {OWN_IMAGE} --yes": r"Deleted image img-\w+\.",
    "launch --gpu 4090 --name train --max-price 0.60 --wait --yes": r"Rents 1 × NVIDIA .*\n.*\n(.*\n)*status +Running",
    "list --status Running": r"SANDBOX · \d machines?, \d running at \d\.\d{3} Credits per hour",
    "ls --limit 5": r"SANDBOX · \d machines?",
    "show train": r"machine +SANDBOX ins-\w+ “train”",
    "wait train": r"status +Running",
    "ssh train": r"'ssh -p \d+ root@127\.0\.0\.1'",
    "url train": r"AccessUrl\('http://127\.0\.0\.1:\d+\?…'\)",
    "open train": r"<OpenButton http://127\.0\.0\.1:\d+>",
    "cancel train --wait --yes": r"Will end: ins-(.*\n)*.*This saves 0\.\d{3} Credits/h(.*\n)*.*Releasing ins-",
    "rm short --yes": r"SANDBOX · Releasing ins-\w+ \(short-\w+\)\.",
    "park train --yes": r"Will snapshot ins-(.*\n)*.*parked +ins-\w+",
    "unpark train --yes": r"Rents 1 × NVIDIA (.*\n)*.*machine +SANDBOX ins-\w+",
    "snap train --name before-tuning --wait": r"snapshot +snap-\w+",
    "snapshots": r"SANDBOX · 1 snapshot\n(.*\n)*.*before-tuning",
    "networks": r"SANDBOX · \d networks?",
    "network create team --region TW-01": r"'net-\w+'",
    "network attach team train": r"network +net-\w+\nendpoints +ept-\w+",
    "network endpoints team": r"SANDBOX · 1 endpoint|SANDBOX · .*1 ",
    "stats": r"'Running': \d",
    "spend": r"SANDBOX · \d\.\d{3} Credits for \d machines?",
    "form": r"LaunchForm SANDBOX",
    "panel": r"Machines panel\s+SANDBOX · Machines: \d machines running at",
    "login": r"Logged in at http://127\.0\.0\.1.*a SANDBOX where nothing costs money",
    "logout": r"The token of profile 'default' is removed; it stays valid until it expires\.",
    "use lab": r"Profile 'lab' at http://127\.0\.0\.1.*a SANDBOX",
    "doctor": r"✓ ok",
    "config": r"Glows\.ask_above",
    "sandbox": r"SANDBOX at http://127\.0\.0\.1.*nothing here costs money",
    "help launch": r"Usage: %glows launch \[OPTIONS\]",
}
"""An example of each command, and what it shows as text."""


NEEDS_NO_SERVICE = {"help", "config", "sandbox", "use", "login", "logout", "doctor", "spend", "form", "panel"}
"""What can't be refused by the service: the others must never make an empty answer of a refused token."""


FAILURES = {
    "specs": ("specs --where 'gpus >>> 1'", "InvalidRequest: where: "),
    "cheapest": ("cheapest --gpu 4080", "No GPU is called like '4080'"),
    "images": ("images --onwed", "'--owned'"),
    "image submit": ("image submit 'two words'", "an image link holds no white space"),
    "image rm": ("image rm img-nobody --yes", "not yours (code 6 ParamIllegal)"),
    "launch": ("launch --gpu 4090 --name unasked", "add --yes"),
    "list": ("list --status Runing", "did you mean Running?"),
    "show": ("show nobody", "'nobody'"),
    "wait": ("wait nobody", "'nobody'"),
    "ssh": ("ssh train --password", "notebooks, histories and JSON files keep it"),
    "url": ("url train --port 1234", "has no address for port 1234; it has addresses for 22, 8888"),
    "open": ("open train --port 1234", "has no address for port 1234"),
    "cancel": ("cancel", "Say which machines to release, or --all."),
    "park": ("park nobody --yes", "'nobody'"),
    "unpark": ("unpark nobody --yes", "You have no machine with the name, key or id 'nobody'"),
    "snap": ("snap nobody", "'nobody'"),
    "snapshots": ("snapshots train", "unexpected extra argument (train)"),
    "networks": ("networks --public", "Did you mean '--public-ip'?"),
    "network create": ("network create other", "Missing option '--region'. See: %glows help network create"),
    "network attach": ("network attach nowhere train", "there is no network 'nowhere'"),
    "network endpoints": ("network endpoints nowhere", "there is no network 'nowhere'"),
    "stats": ("stats --jsn", "Did you mean '--json'?"),
    "spend": ("spend --since yesterday", "'yesterday' is no day such as 2026-01-31"),
    "form": ("form --nam", "Did you mean '--name'?"),
    "panel": ("panel train", "unexpected extra argument (train)"),
    "login": ("login", "Set GLOWS_SDK_TOKEN in the environment"),
    "logout": ("logout --profile 'no name'", "1 to 40 letters"),
    "use": ("use nobody", "'nobody'"),
    "doctor": ("doctor now", "unexpected extra argument (now)"),
    "config": ("config Glows", "unexpected extra argument (Glows)"),
    "sandbox": ("sandbox --sped", "No such option '--sped'"),
    "help": ("help spces", "'specs'"),
}


def all_commands(commands: click.Group = group, path: str = "") -> dict[str, Command]:
    """Every command by its words, those in groups too."""
    found: dict[str, Command] = {}
    for name, command in commands.commands.items():
        if isinstance(command, click.Group):
            found |= all_commands(command, f"{path}{name} ")
        elif isinstance(command, Command):
            found[f"{path}{name}"] = command
    return found


def command_of(line: str) -> str:
    words = line.split()
    return " ".join(words[:2]) if words[0] in ("image", "network") and len(words) > 1 else words[0]


WITH_JSON = [
    "specs --gpu 4090",
    "cheapest",
    "images torch",
    "launch --gpu 4090 --dry-run",
    "launch --gpu 4090 --name train --yes",
    "list",
    "show train",
    "wait train",
    "ssh train",
    "url train",
    "snapshots",
    "networks",
    "stats",
    "spend",
    "doctor",
    "config",
    "sandbox",
]
