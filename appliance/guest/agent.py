"""The tester's hand inside the guest: commands, files, over a virtio port that needs no network.

One JSON object a line. Asked ``{"id", "argv", "timeout_s", "input"?}`` it says ``{"id", "code", "out", "err"}``;
``{"id", "read": PATH}`` and ``{"id", "write": PATH, "data", "mode"}`` carry files (base64); ``{"id", "look":
WHAT}`` asks the kiosk itself at look.sock, a hundredth of the work of kioskctl. A thread for each.
"""

import base64
import json
import os
import socket
import subprocess
import threading
import time
from typing import Any

PORT = "/dev/virtio-ports/kioskd.appliance"
LOOK, LOOK_S = "/run/kioskd/look.sock", 10.0


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, done."""
    if "read" in asked:
        with open(asked["read"], "rb") as file:
            return {"data": base64.b64encode(file.read()).decode()}
    if "write" in asked:
        os.makedirs(os.path.dirname(asked["write"]), exist_ok=True)
        with open(asked["write"], "wb") as file:
            file.write(base64.b64decode(asked["data"]))
        os.chmod(asked["write"], asked.get("mode", 0o644))
        return {}
    if "look" in asked:
        return {"at": time.monotonic(), "said": look(asked["look"])}
    try:
        done = subprocess.run(
            asked["argv"],
            input=asked.get("input", ""),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=asked["timeout_s"],
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode(errors="replace")
        return {"code": 124, "out": (late.stdout or b"").decode(errors="replace"), "err": said + "\n(out of time)"}
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def look(what: str) -> Any:
    """The kiosk's answer to one request of its control socket; as it is when nobody is there: None."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(LOOK_S)
        try:
            asking.connect(LOOK)
            asking.sendall(json.dumps({"do": what}).encode() + b"\n")
            line = asking.makefile("rb").readline()
        except OSError:
            return None
        return json.loads(line) if line else None


def serve(asked: dict[str, Any], port: int, lock: threading.Lock) -> None:
    """One request, whatever comes of it."""
    try:
        said = answer(asked)
    except Exception as error:  # the tester gets it as its answer
        said = {"code": 126, "out": "", "err": f"{type(error).__name__}: {error}"}
    line = json.dumps({"id": asked["id"], **said}).encode() + b"\n"
    with lock:
        while line:
            line = line[os.write(port, line) :]


def main() -> None:
    """Open the port and serve it for ever."""
    while not os.path.exists(PORT):
        time.sleep(0.1)
    port = os.open(PORT, os.O_RDWR)
    lock = threading.Lock()
    waiting = b""
    while True:
        got = os.read(port, 65536)
        if not got:  # nobody at the other end just now
            time.sleep(0.2)
            continue
        *lines, waiting = (waiting + got).split(b"\n")
        for line in lines:
            if line.strip():
                threading.Thread(target=serve, args=(json.loads(line), port, lock), daemon=True).start()


if __name__ == "__main__":
    main()
