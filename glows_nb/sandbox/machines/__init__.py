"""The sandbox's machines: their life, addresses and ports, and what is real of them.

What the sandbox does for them is here: `ports` meet who comes (`visitors`), `real_machines` has a folder (`folders`) and
a process (`machine_process`) for each that is entered. What runs in that process is in `inside`.
"""
