"""A ledger of the test's own, and machines and clocks that stand in for a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from glows_nb.ledger.database import Ledger
from glows_nb.ledger.records import Account


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "folder" / "ledger.sqlite3")


@pytest.fixture
def account() -> Account:
    return Account("a1b2c3d4", "https://service.example/v1", is_sandbox=False)
