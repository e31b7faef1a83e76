"""The local journal: machines started from here, their status and price over time, names of snapshots.

`journal` is the SQLite file, `recording` what is written there while a client works, `accounting` what can be worked
out of it. The service keeps none of this: it has no call for a balance or for what was spent (FACTS 0.1, fact 15).
"""

from glows_nb.ledger.accounting import DayCost, cost_by_day, cost_since
from glows_nb.ledger.journal import Ledger, LedgerError, ledger_path
from glows_nb.ledger.recording import Recorder
from glows_nb.ledger.records import Account, MachineRecord, Order, Sighting, SnapshotRecord

__all__ = [
    "Account",
    "DayCost",
    "Ledger",
    "LedgerError",
    "MachineRecord",
    "Order",
    "Recorder",
    "Sighting",
    "SnapshotRecord",
    "cost_by_day",
    "cost_since",
    "ledger_path",
]
