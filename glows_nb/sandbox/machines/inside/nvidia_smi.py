"""A stand-in for nvidia-smi on a sandbox's machine: the rented GPUs as a file tells of them. There is no GPU.

It is run by the machine's own `python3`, by its path, with that file's path before the words of the call; so it uses
nothing but Python's own library.
"""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

STAND_IN = "stand-in of the GLOWS sandbox, no GPU is here"
DRIVER = "570.00 (sandbox)"
UNITS = {"memory": "MiB", "utilization": "%", "power": "W"}


def fields_of(gpu: dict[str, object], index: int, count: int) -> dict[str, str]:
    """Return what can be asked of one GPU, by the names that --query-gpu takes."""
    total, used = int(str(gpu["memory_mb"])), int(str(gpu.get("memory_used_mb", 0)))
    busy = str(gpu.get("utilization", 0))
    return {
        "timestamp": f"{datetime.now():%Y/%m/%d %H:%M:%S.%f}"[:-3],
        "name": str(gpu["name"]),
        "gpu_name": str(gpu["name"]),
        "index": str(index),
        "count": str(count),
        "uuid": f"GPU-00000000-0000-0000-0000-{index:012}",
        "gpu_uuid": f"GPU-00000000-0000-0000-0000-{index:012}",
        "pci.bus_id": f"00000000:{index + 1:02X}:00.0",
        "driver_version": DRIVER,
        "pstate": "P0" if int(busy) else "P8",
        "memory.total": str(total),
        "memory.used": str(used),
        "memory.free": str(total - used),
        "utilization.gpu": busy,
        "utilization.memory": busy,
        "temperature.gpu": "30",
        "power.draw": "20.00",
        "power.limit": "450.00",
    }


def query(gpus: list[dict[str, str]], names: list[str], form: set[str]) -> int:
    """Write the asked fields as CSV; 2 for a field that nobody knows, as nvidia-smi has it."""
    for name in names:
        if gpus and name not in gpus[0]:
            print(f'Field "{name}" is not a valid field to query.')
            return 2
    units = {name: UNITS.get(name.partition(".")[0], "") for name in names}
    if "noheader" not in form:
        print(", ".join(f"{name} [{units[name]}]" if units[name] else name for name in names))
    for gpu in gpus:
        print(
            ", ".join(
                f"{gpu[name]} {units[name]}" if units[name] and "nounits" not in form else gpu[name] for name in names
            )
        )
    return 0


def table(gpus: list[dict[str, str]]) -> None:
    """Write the table that people look at."""
    line = "+" + "-" * 77 + "+"
    print(f"{line}\n| {f'NVIDIA-SMI, {STAND_IN}':<75} |\n{line}")
    for gpu in gpus:
        memory = f"{gpu['memory.used']}MiB / {gpu['memory.total']}MiB"
        shown = f"{gpu['index']:>3}  {gpu['name']:<32} {memory:>24} {gpu['utilization.gpu']:>9}%"
        print(f"| {shown:<75} |")
    print(line)


def main() -> int:
    """Answer one call of nvidia-smi."""
    parser = argparse.ArgumentParser(prog="nvidia-smi", description=STAND_IN)
    parser.add_argument("--query-gpu", dest="fields")
    parser.add_argument("--format", default="csv")
    parser.add_argument("-i", "--id", type=int)
    parser.add_argument("-L", "--list-gpus", action="store_true")
    asked = parser.parse_args(sys.argv[2:])
    told = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    gpus = [fields_of(gpu, index, len(told)) for index, gpu in enumerate(told)]
    gpus = [gpu for gpu in gpus if asked.id is None or gpu["index"] == str(asked.id)]
    if not gpus:
        print("No devices were found")
        return 6
    if asked.fields:
        return query(gpus, [name.strip() for name in asked.fields.split(",")], set(asked.format.split(",")))
    if asked.list_gpus:
        for gpu in gpus:
            print(f"GPU {gpu['index']}: {gpu['name']} (UUID: {gpu['uuid']})")
        return 0
    table(gpus)
    return 0


if __name__ == "__main__":
    sys.exit(main())
