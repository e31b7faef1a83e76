"""Ports that every machine has."""

from __future__ import annotations

from typing import Final

SSH_PORT: Final = 22
JUPYTER_PORT: Final = 8888
