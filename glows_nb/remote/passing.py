"""What a client runs on a machine: it passes bytes on to the keeper and back, and has one begun where there is none.

    python -S -E -c THIS KEEPER_FILE ITS_SIZE MARK [NAME]

A notebook's keeper has a name, and a folder of it.

It is run for each line that is made, so it loads next to nothing. Like `keeper` it runs on Python 3.8.
"""

import os
import socket
import sys
import threading

SOCKET, BLOCK, STALE = "keeper.sock", 1 << 20, 90


def connected() -> socket.socket:
    """A connection to the keeper that runs."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(SOCKET)
    return made


def main() -> None:
    """Until either side has ended."""
    file, size, mark, name = (*sys.argv[1:4], "".join(sys.argv[4:5]))
    folder = os.path.join(os.path.dirname(file), name)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chdir(folder)
    try:
        made = connected()
    except (FileNotFoundError, ConnectionRefusedError):
        if os.path.getsize(file) != int(size):
            sys.exit(STALE)
        status = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, file, "begin", name])
        if status != 0:
            sys.exit(status)
        made = connected()
    os.write(1, b"\n%s\n" % mark.encode())

    def up() -> None:
        while True:
            piece = os.read(0, BLOCK)
            if not piece:
                os._exit(0)
            made.sendall(piece)

    threading.Thread(target=up, daemon=True).start()
    while True:
        piece = made.recv(BLOCK)
        if not piece:
            os._exit(0)
        while piece:
            piece = piece[os.write(1, piece) :]


if __name__ == "__main__":
    main()
