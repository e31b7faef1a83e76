"""Every English text that the widgets show, in one place, so that they can be translated.

A text with a place for a value is a format string; the name in braces says what comes there.
"""

from __future__ import annotations

from typing import Final

LANGUAGE: Final = "en"
"""In which the page says how long ago something was, as a BCP 47 tag."""
COPIED: Final = "Copied"
COPIED_WHAT: Final = "Copied: {what}"
COPY_REFUSED: Final = "The browser refused to copy"
REMOVE: Final = "Remove"
MOVE_UP: Final = "Move up"
LOADING: Final = "Loading…"
REFRESH: Final = "Refresh"
RETRY: Final = "Retry"
BACK: Final = "Back"
AS_OF: Final = "As of {moment}."

# All forms and panels, said by the page itself.
FRONT_END_WORDS: Final = {
    "dead": "The kernel has restarted or ended, so this is not live any more, and what it shows may be old. "
    "Run its cell again.",
}

# The table.
TABLE_WORDS: Final = {
    "filter": "Filter rows",
    "copy": "Copy as CSV",
    "copied": COPIED,
    "refused": COPY_REFUSED,
    "previous": "Previous",
    "next": "Next",
    "table": "table",
    "empty": "no rows",
    "place": "{first}–{last} of {total}",
}
TABLE_HEADINGS: Final = {
    "gpu": "GPU",
    "gpus": "GPUs",
    "cpu": "CPU",
    "cpus": "CPUs",
    "instance_categories": "runs as",
    "price_per_hour": "price per hour (Credits)",
    "price_per_gpu_hour": "price per GPU-hour (Credits)",
    "cost_estimate": "cost, estimate (Credits)",
    "cost": "cost (Credits)",
    "vram_gb": "VRAM per GPU (GB)",
    "ram_gb": "RAM (GB)",
    "disk_gb": "disk (GB)",
    "size_gb": "size (GB)",
    "volume_gb": "volume (GB)",
    "created": "created (UTC)",
    "modified": "modified (UTC)",
    "cidr": "CIDR",
    "mac": "MAC",
}
"""Headings with units; a column that is not here is headed by its name."""
TABLE_AS_OF: Final = "{caption} (as of {moment})"
AGE_SHORTEST: Final = "< 1 min"
AGE_MINUTES: Final = "{minutes} min"
AGE_HOURS: Final = "{hours} h"
AGE_HOURS_MINUTES: Final = "{hours} h {minutes} min"
AGE_DAYS: Final = "{days} d"
AGE_DAYS_HOURS: Final = "{days} d {hours} h"

# An offer on one line, and the button that opens a machine's address.
OFFER: Final = "{name} · {cpus} CPUs{memory}{region} · {hour:.3f}/h"
OFFER_MEMORY: Final = ", {gigabytes:g} GB RAM"
OPEN: Final = "Open"
OPEN_HINT: Final = "Open {address} in a new tab"
OPEN_WHAT: Final = "{machine} at {address}"
OPEN_LIVE: Final = "a live notebook has a button for it."

# The spec picker.
PICKER_UNREAD: Final = "The picker has not read the offers after {seconds:g} s."
PICKER_TITLE: Final = "Choose what to rent"
PICKER_GPU: Final = "GPU"
PICKER_GPU_PLACEHOLDER: Final = "any, such as 4090"
PICKER_REGION: Final = "Region"
PICKER_VRAM: Final = "VRAM per GPU"
PICKER_VRAM_AT_LEAST: Final = "at least {vram:g} GB"
PICKER_COUNT: Final = "GPUs per unit"
PICKER_PRICE: Final = "Price up to"
PICKER_PRICE_PLACEHOLDER: Final = "any, Credits per hour"
PICKER_AVAILABLE: Final = "Only what is left"
PICKER_ANY: Final = "any"
PICKER_NO_NUMBER: Final = "{text!r} is not a number of at least 0."
PICKER_COUNTED: Final = "{shown} of {all} offers for {image}"
PICKER_AND_CHOSEN: Final = "{counted}, and the chosen one"
PICKER_PRICES: Final = "{counted}; prices in Credits"
PICKER_NO_GPU: Final = "none, CPUs only"
PICKER_NOTHING_CHOSEN: Final = "Nothing is chosen yet: click a row, or use the arrow keys."
PICKER_CHOSEN: Final = "Chosen: {offer}, {left} left"
PICKER_SOLD_OUT: Final = "Sold out since it was chosen: {offer}"
PICKER_READ_AT: Final = "Read {moment}"
SOLD_OUT: Final = "✗ sold out"
LEFT: Final = "{units} left"

# The launch form: headings and fields.
FORM_TITLE: Final = "Launch a machine"
FORM_UNREAD: Final = "The form has not read the offers after {seconds:g} s."
FORM_SOURCE: Final = "Start from"
FORM_IMAGE_SOURCE: Final = "an image"
FORM_SNAPSHOT_SOURCE: Final = "a snapshot"
FORM_SEARCH: Final = "Find by name"
FORM_SEARCH_PLACEHOLDER: Final = "part of a name or id"
FORM_IMAGE: Final = "Image"
FORM_SNAPSHOT: Final = "Snapshot"
FORM_CATEGORY: Final = "Container or VM"
FORM_CATEGORIES: Final = {"container": "container", "vm": "virtual machine"}
"""Others go by the service's own word."""
FORM_REGION: Final = "Region"
FORM_ANYWHERE: Final = "anywhere"
FORM_GPU: Final = "GPU"
FORM_UNITS: Final = "Units"
FORM_NAME: Final = "Name"
FORM_NAME_PLACEHOLDER: Final = "optional, such as train-a"
FORM_PORTS: Final = "Ports"
FORM_PORT: Final = "Port"
FORM_PROTOCOL: Final = "Protocol"
FORM_ADD_PORT: Final = "Add a port"
FORM_ENVS: Final = "Environment variables"
FORM_ENV: Final = "Variable"
FORM_ENV_VALUE: Final = "Value of variable"
FORM_ADD_ENV: Final = "Add a variable"
FORM_COMMAND: Final = "Start command"
FORM_COMMAND_PLACEHOLDER: Final = "none; a command that ends releases the machine"
FORM_NETWORK: Final = "Private network"
FORM_PUBLIC_IP: Final = "Public IP"
FORM_NONE: Final = "none"
FORM_REMARK: Final = "Remark"
FORM_REMARK_PLACEHOLDER: Final = "at most 32 characters"
FORM_META_KEY: Final = "Own key"
FORM_META_KEY_PLACEHOLDER: Final = "instead of a name; used once"
FORM_EXTRA: Final = "In addition"
FORM_EXTRA_STEP: Final = "{quantity} more {name} at {rate}"
FORM_NO_EXTRA: Final = "Nothing is sold in addition to this offer."
FORM_NAME_AND_KEY: Final = "Give a name or an own key, not both."
FORM_UNITS_UNKNOWN: Final = "how many are left is not told"
FORM_NETWORKS_UNREAD: Final = "The networks can't be read: {problem}"
FORM_IMAGES_UNREAD: Final = "The images can't be read: {problem}"
FORM_FALLBACKS: Final = "Other regions to try"
FORM_FALLBACK: Final = "Region"
FORM_ADD_FALLBACK: Final = "Add a region"
FORM_CAP: Final = "Price cap"
FORM_CAP_PLACEHOLDER: Final = "the price shown; Credits per hour"
FORM_MORE: Final = "More: variables, command, networks, other regions, price cap"
FORM_CODE: Final = "The same as Python"
FORM_COPY_CODE: Final = "Copy the code"

# The launch form: what it says beside its fields.
FORM_SOURCES: Final = "{all} to choose from"
FORM_FOUND: Final = "{found} of {all}; Enter takes the first"
FORM_FOUND_NONE: Final = "None of {all} has this in its name."
FORM_NO_SNAPSHOT: Final = "There is no snapshot to start from."
FORM_NO_SOURCE: Final = "Nothing is chosen to start from."
FORM_UNITS_LEFT: Final = "{left} left"
FORM_NO_NAME: Final = "Without one, the same choices find the same machine."
FORM_NAME_LENGTH: Final = "{length} of {limit} characters"
FORM_NAME_CHECKING: Final = "{length}; asking whether it is in use…"
FORM_NAME_FREE: Final = "{length}; no machine has it"
FORM_NAME_TAKEN: Final = "{length}; {machine} has it and would be found again"
FORM_JUPYTER_PORT: Final = "⚠ 8888 is taken inside by Jupyter; let your program listen elsewhere."
FORM_NAMED_TWICE: Final = "{what} is there twice."
FORM_COMMAND_LEFT: Final = "{left} of {limit} characters left"
FORM_COMMAND_CONTAINER: Final = "For containers only."
FORM_FALLBACKS_HINT: Final = "Tried in this order when none is left."
FORM_NO_FALLBACKS: Final = "No other region has this GPU."
FORM_PINNED: Final = "Only {region} has this very offer; choose the cheapest of its name to try others."
FORM_ONE_NETWORK: Final = "A machine has a private network or a public IP, not both."
FORM_ENV_MASKED: Final = "{name} (masked)"
FORM_PLAIN: Final = "{label}: {value}"
FORM_NO_PRICE: Final = "{text!r} is not a number of Credits above 0."
FORM_CAP_BELOW: Final = "The cap is below the price of {rate}."
FORM_SPEC_GONE: Final = "{offer} is sold out, or not for this image; choose another."
FORM_NOTHING_LEFT: Final = "Nothing is left with this image, category and region."
FORM_NO_OFFER: Final = "nothing is chosen"
FORM_PRICE: Final = "{hour:.3f} Credits per hour, {day:.2f} per day, {month:.2f} per month of 30 days"
FORM_PRICE_IN: Final = "{price} in {region}{more}"
FORM_PRICE_UP_TO: Final = "; in {region} up to {hour:.3f} per hour"

# The launch form: planning and launching.
FORM_PLANNING: Final = "Looking for the machine, or a place for it…"
FORM_PLAN: Final = "Plan: {plan}"
FORM_LAUNCH: Final = "Launch"
FORM_REFRESH_HINT: Final = "Read prices and stock again"
FORM_RENT: Final = "Rent now"
FORM_RENT_OVER: Final = "Rent over the budget"
FORM_CONFIRM: Final = "{plan} Rent it?"
FORM_CONFIRM_OVER: Final = "{plan} Rent it, over the budget?"
FORM_MEND: Final = "Mend what is marked first."
FORM_LAUNCHING: Final = "Launching…"

# A machine and what is done with it, in the form and in the panel.
MACHINE_SSH: Final = "Copy SSH"
MACHINE_SSH_HINT: Final = "Copy the SSH command"
MACHINE_CELL: Final = "Run a cell"
MACHINE_CELL_HINT: Final = "Copy %%glows run, the line above a cell that runs on the machine"
MACHINE_LOGIN: Final = "Copy password"
MACHINE_LOGIN_HINT: Final = "Copy the SSH password; it is shown nowhere"
MACHINE_LOGIN_OF: Final = "the SSH password of {name}"
MACHINE_JUPYTER: Final = "Open Jupyter"
MACHINE_JUPYTER_HINT: Final = "Open the machine's own JupyterLab in a new tab"
MACHINE_SNAPSHOT: Final = "Snapshot"
MACHINE_SNAPSHOT_HINT: Final = "Keep the machine's disk as it is now; the machine pauses and goes on by itself"
MACHINE_SNAPSHOT_QUESTION: Final = "Take a snapshot of {name}? The machine pauses meanwhile, and goes on by itself."
MACHINE_SNAPSHOT_NAME: Final = "Name"
MACHINE_SNAPSHOT_YES: Final = "Take snapshot"
MACHINE_SNAPSHOTTING: Final = "{name}: taking a snapshot…"
MACHINE_RELEASE: Final = "Release"
MACHINE_RELEASE_HINT: Final = "End the machine; its disk is gone"
MACHINE_RELEASE_QUESTION: Final = "Release {name} ({id})? It ends, and what is on its disk is gone for good."
MACHINE_WHOSE: Final = " It was {whose}."
MACHINE_RELEASE_YES: Final = "Release for good"
MACHINE_RELEASING: Final = "{name}: releasing…"

# Work on a machine: files, and one command with its output.
WORK_WORDS: Final = {
    "group": "Work on the machine",
    "running": "running",
    "stop": "Stop",
    "output": "Output of the command",
    "send": "Send…",
    "send_hint": "Send a file or a folder to the machine",
    "send_local": "Path here",
    "send_local_hint": "file or folder",
    "send_remote": "Path there",
    "send_remote_hint": "the same name",
    "send_go": "Send",
    "send_stop": "Stop sending",
    "fetch": "Fetch…",
    "fetch_hint": "Fetch a file or a folder from the machine",
    "fetch_remote": "Path there",
    "fetch_remote_hint": "file or folder",
    "fetch_local": "Path here",
    "fetch_local_hint": "this folder",
    "fetch_go": "Fetch",
    "fetch_stop": "Stop fetching",
    "command": "Command…",
    "command_hint": "Run one command on the machine",
    "command_command": "Command",
    "command_command_hint": "such as nvidia-smi",
    "command_go": "Run",
    "command_stop": "Stop the command",
}
WORK_BUSY: Final = "A cell runs there since {since:%H:%M}."
WORK_DOING: Final = {"send": "Sending…", "fetch": "Fetching…", "command": "Running…"}
WORK_STOPPING: Final = "Stopping…"
WORK_GOES_ON: Final = "Stopped. What is in place is whole, and the same again goes on from there."
WORK_STATUS: Final = "Exit status {status} after {seconds:.1f} s."
WORK_SIGNAL: Final = "Ended by signal {signal} after {seconds:.1f} s."
WORK_ASKS: Final = "{question} Only a call can ask that: glows.machine({id!r}).{call}(…)"
WORK_CUT: Final = "[what came before is not shown]"

# The machine below a form that has launched or found it.
CARD: Final = "The machine"
CARD_FOUND: Final = "Found again"
CARD_STEPS: Final = ("Ordered", "Queued", "Starting", "Running", "Reachable")
CARD_CREATED: Final = "created {moment}"
CARD_SNAPSHOT_BEGUN: Final = "Snapshot {snapshot} is being taken…"
CARD_SNAPSHOT_TAKEN: Final = "Snapshot {snapshot} is taken."
CARD_SNAPSHOT_FAILED: Final = "The snapshot of {machine} did not become available; the machine goes on."
CARD_SNAPSHOT_LATE: Final = "The snapshot of {machine} is not available yet; the machine goes on."
CARD_ENDED: Final = "{name} has ended and costs nothing any more."

# All panels.
PANEL_NO_CLIENT: Final = "must be a glows.Client, not {kind}; a panel reads in threads of its own."
PANEL_REFRESH_HINT: Final = "Ask the service now"
PANEL_UPDATED: Final = "Updated {when}"
PANEL_OUT_OF_DATE: Final = "Out of date: read {when}"
PANEL_CANT_SEE: Final = "Can't see the {what} since {since}. {error}"
PANEL_LAST_KNOWN: Final = "What is shown is from {when} and may have changed."
PANEL_NEVER_SEEN: Final = "None could be read so far; that does not mean that there are none."
PANEL_TRIES_AGAIN: Final = "It is tried again by itself."
PANEL_ASKS_NO_MORE: Final = (
    "Nothing is asked any more until you press Retry. With a new token, connect and run this cell again."
)

# The panel of machines.
PANEL_MACHINES: Final = "Machines"
PANEL_MACHINES_CAPTION: Final = "Costs so far are estimates: at most this much"
PANEL_NO_MACHINES: Final = "No machines now. Start one with glows.launch_form() or %glows launch."
PANEL_NOTHING_RUNS: Final = "nothing is running, so nothing is charged now"
PANEL_CHOOSE_ONE: Final = "Choose a machine in the table: its ways in and what can be done with it appear here."
PANEL_ACTIONS: Final = "Actions for the chosen machine"
PANEL_SNAPSHOTTED: Final = "{name}: snapshot {snapshots} is being taken; the machine goes on by itself."
PANEL_PARK: Final = "Park"
PANEL_PARK_HINT: Final = "Snapshot, then release: it costs nothing until it is unparked"
PANEL_PARK_QUESTION: Final = (
    "Park {name}? It is snapshotted and then released, so that it costs nothing; "
    "Unpark, under ended machines, brings it back. What runs on it ends."
)
PANEL_PARKING: Final = "{name}: parking, a snapshot first…"
PANEL_PARKING_STEP: Final = "{name}: parking, {status}…"
PANEL_PARKED: Final = "{name} is parked as snapshot {snapshot}. Unpark brings it back."
PANEL_UNPARK: Final = "Unpark"
PANEL_NO_WAY_BACK: Final = "there is no snapshot of it, so it can't be started again"
PANEL_UNPARK_HINT: Final = "Start it again from its newest snapshot: same hardware, region and ports"
PANEL_UNPARK_QUESTION: Final = "Start {name} again in {region} from its newest snapshot? {price}"
PANEL_UNPARK_PRICE: Final = (
    "It cost {rate}, {day:.2f} Credits per day; nothing is rented above {most:.3f} Credits per hour."
)
PANEL_UNPARK_NO_PRICE: Final = "What it will cost is not known here."
PANEL_UNPARKING: Final = "{name}: starting again…"
PANEL_UNPARKED: Final = "{name} is there again as {id}."
PANEL_UNPARKED_AT: Final = "{name} is there again as {id} at {rate}."
PANEL_RELEASED: Final = "{name} is being released; it costs nothing once it is Finished."
PANEL_DETAILS: Final = "Details"
PANEL_DETAILS_HINT: Final = "Timeline, ways in, networks and raw answer"
PANEL_ENDED: Final = "Ended machines"
PANEL_ENDED_COUNTED: Final = "Ended machines ({count})"
PANEL_ENDED_CAPTION: Final = "Ended machines, newest first; those with a snapshot can be unparked"

# A machine's page.
PANEL_FACTS: Final = "Facts"
PANEL_ACCESSES: Final = "Ways in"
PANEL_NETWORK: Final = "Network"
PANEL_TIMELINE: Final = "Timeline, as seen from here"
PANEL_RAW: Final = "Raw JSON, secrets masked"
PANEL_ID: Final = "id"
PANEL_KEY: Final = "key"
PANEL_IMAGE: Final = "image"
PANEL_SNAPSHOT_OF: Final = "from snapshot"
PANEL_MEMORY: Final = "hardware"
PANEL_CREATED: Final = "created"
PANEL_COMMAND: Final = "command"
PANEL_PORT: Final = "port inside"
PANEL_PROTOCOL: Final = "protocol"
PANEL_ADDRESS: Final = "address outside"
PANEL_NETWORK_ID: Final = "network"
PANEL_CIDR: Final = "CIDR"
PANEL_MAC: Final = "MAC"
PANEL_CPUS: Final = "CPUs"
PANEL_GB_RAM: Final = "GB RAM"
PANEL_GB_DISK: Final = "GB disk"
PANEL_STATUS: Final = "status"
PANEL_SINCE: Final = "since (UTC)"
PANEL_UNTIL: Final = "until (UTC)"
PANEL_STILL: Final = "now"
PANEL_PRICE: Final = "Credits per hour"
PANEL_NO_ACCESS: Final = "None yet."
PANEL_IN_NO_NETWORK: Final = "In none."
PANEL_NO_TIMELINE: Final = "The ledger knows nothing of it."

# The panels of snapshots, images and networks.
SNAPSHOTS: Final = "Snapshots"
SNAPSHOTS_CAPTION: Final = "Newest first; a machine started from one goes on where that one was"
NO_SNAPSHOTS: Final = "There are no snapshots."
SNAPSHOTS_FORM: Final = "Take a snapshot"
SNAPSHOTS_MACHINE: Final = "Machine"
SNAPSHOTS_NO_MACHINE: Final = "Only a running machine can be snapshotted, and none is running."
SNAPSHOTS_NAME: Final = "Name"
SNAPSHOTS_NAME_HINT: Final = "optional, at most 32 characters"
SNAPSHOTS_TAKE: Final = "Take snapshot"
SNAPSHOTS_TAKING: Final = "Taking a snapshot of {name}…"
SNAPSHOTS_TAKEN: Final = "Snapshot {ids} of {name} is being taken; the machine pauses and goes on by itself."
IMAGES: Final = "Images"
IMAGES_CAPTION: Final = "Your own images, newest first; the words for their status numbers are inferred"
NO_IMAGES: Final = "You have no images of your own; the public ones are in glows.images()."
IMAGES_FORM: Final = "Make an image of a registry link"
IMAGES_LINK: Final = "Link"
IMAGES_LINK_HINT: Final = "registry.example.com/team/runtime:tag"
IMAGES_LINK_NOTE: Final = "of a public registry, at most 512 characters, no spaces"
IMAGES_SUBMIT: Final = "Submit"
IMAGES_SUBMITTING: Final = "Submitting {link}…"
IMAGES_SUBMITTED: Final = "Submitted as {id} ({name}). It is followed here until it is ready."
IMAGES_READY: Final = "ready"
IMAGES_PENDING: Final = "pending"
IMAGES_DELETE: Final = "Delete"
IMAGES_DELETE_QUESTION: Final = "Delete {name} ({id})? No machine can be started from it any more."
IMAGES_DELETING: Final = "Deleting {id}…"
IMAGES_DELETED: Final = "{id} is deleted."
NETWORKS: Final = "Networks"
NETWORKS_CAPTION: Final = "Private networks; at most {most} machines of the network's own region in each"
NO_NETWORKS: Final = "There are no networks."
NETWORKS_NOT_ASKED: Final = "(not asked, since nobody knows their numbers: {regions})"
NETWORKS_FORM: Final = "Create a network"
NETWORKS_NAME: Final = "Name"
NETWORKS_NAME_HINT: Final = "at most 32 characters"
NETWORKS_REGION: Final = "Region"
NETWORKS_CREATE: Final = "Create"
NETWORKS_CREATING: Final = "Creating {name}…"
NETWORKS_CREATED: Final = "Network {name} is there as {id}."
NETWORKS_CHOOSE_ONE: Final = "Choose a network in the table: its machines appear here, and others can be attached."
NETWORKS_CHOSEN: Final = "{name}: {taken} of {most} places taken"
NETWORKS_ATTACH_FORM: Final = "Attach machines to {name}: {left} of {most} places left, in {region} only"
NETWORKS_SOME_REGION: Final = "its own region"
NETWORKS_MACHINES: Final = "Machines"
NETWORKS_ATTACH: Final = "Attach"
NETWORKS_ATTACHING: Final = "Attaching {names} to {network}…"
NETWORKS_ATTACHED: Final = "{names}: being connected to {network}."
NETWORKS_SEVERAL: Final = "Ctrl or Shift chooses several"
NETWORKS_NONE_FITS: Final = "No running machine is left there that is not in it yet."
NETWORKS_NONE_CHOSEN: Final = "Choose at least one machine."
NETWORKS_ENDPOINTS: Final = "Machines in {name}"
