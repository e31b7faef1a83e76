"""What runs in a machine's own process, beside the sandbox: SSH, commands, files, Jupyter, and what confines them.

`program` is started by the sandbox (`machines.machine_process`), and nothing in here imports anything of it.
"""
