"""The tester's hand inside a box: agent.py beside it, over a unix socket instead of a virtio port: listen.py PATH."""

import json
import os
import runpy
import socket
import sys
import threading

AGENT = runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "agent.py"))


def talk(line: socket.socket) -> None:
    """One tester, until it goes."""
    lock = threading.Lock()
    with line, line.makefile("rb") as asked:
        for each in asked:
            threading.Thread(target=AGENT["serve"], args=(json.loads(each), line.fileno(), lock), daemon=True).start()


def main() -> None:
    """Until the box ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        os.chmod(sys.argv[1], 0o600)
        listener.listen()
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
