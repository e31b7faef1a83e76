"""The local journal: machines started from here, their status and price over time, names of snapshots.

`journal` is the SQLite file, `recording` what is written there while a client works, `accounting` what can be worked
out of it. The service keeps none of this: it has no call for a balance or for what was spent (FACTS 0.1, fact 15).
"""
