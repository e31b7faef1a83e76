"""The sandbox's machines: their life, addresses and ports, and what is real of them.

What the sandbox does for them is here. `choice` decides whether they are real; `ports` meet who comes (`visitors`) and
hand over who speaks; `real_machines` has a folder (`folders`) and a process (`machine_process`) for each machine that
is entered, copies the one for a snapshot, and ends both at release. What a killed sandbox left, `survivors` finds.

What runs in a machine's process is in `inside`: `program` does what the sandbox says, within what `confinement` and
`system_calls` leave open (`folders.readable` and `.writable` name the places); `ssh_server` lets callers in, `commands`
and `files` are what they ask for, `processes` starts and ends all that runs there.
"""
