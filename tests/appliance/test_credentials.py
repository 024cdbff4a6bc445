"""Secrets, from the disk through systemd and the daemon onto the wire: LoadCredential and LoadCredentialEncrypted.

At the other end is a service that says no to everybody and writes down which key it was shown.
"""

from __future__ import annotations

from typing import Iterator

import pytest

from appliance.world import OWNERS_FILE, World

WHERE = {"box"}  # it presses a simulated button
PYTHON = "/usr/bin/python3"
SERVICE = """
import re, socket
with socket.create_server(("127.0.0.1", 8716)) as door:
    while True:
        line, _ = door.accept()
        head = line.recv(65536).decode()
        print("SHOWN", *re.findall("k3y[a-z-]*", head), flush=True)  # Hydra has it in the query
        line.sendall(b"HTTP/1.1 401 Unauthorized\\r\\nContent-Length: 0\\r\\n\\r\\n")
        line.close()
"""
DROP_IN = "/etc/systemd/system/kioskd.service.d/credentials.conf"
SERVED = '  - {dialect: hydra, url: "ws://127.0.0.1:8716/waves/v1/s2s", key: {credential: hydra-key}}'


@pytest.fixture(scope="module", autouse=True)
def service(world: World) -> Iterator[None]:
    """It is there, and the kiosk is to use it."""
    unit = ["--quiet", "--collect", "--unit=appliance-service", "--property=StandardOutput=journal"]
    world.channel.must("systemd-run", *unit, PYTHON, "-u", "-c", SERVICE)
    world.channel.shell(f"sed -i 's|^  - dialect: local|{SERVED}|' {OWNERS_FILE} && kioskd check {OWNERS_FILE}")
    yield


def handed(world: World, line: str) -> None:
    """The drop-in has that line, and the kiosk is started with it."""
    world.channel.write(DROP_IN, f"[Service]\n{line}\n".encode())
    world.channel.shell("systemctl daemon-reload; systemctl restart kioskd.service", 60)
    world.ready()


def shown(world: World) -> str:
    """Which key the service is shown when somebody presses the button."""
    seen = "journalctl -b -u appliance-service -o cat --no-pager | grep SHOWN"
    before = len(world.channel.run("sh", "-c", seen).out.splitlines())
    world.channel.shell("kioskctl panel press talk; sleep 0.5; kioskctl panel release talk")
    told = world.channel.until("a key is shown", f"{seen} | tail -n +{before + 1} | grep .", 20)
    return told.splitlines()[-1].removeprefix("SHOWN").strip()


def test_a_key_of_root_s_reaches_the_service_and_nobody_else(world: World) -> None:
    world.channel.write("/etc/kioskd/hydra-key", b"k3y-of-a-file\n", 0o600)
    handed(world, "LoadCredential=hydra-key:/etc/kioskd/hydra-key")
    key = shown(world)
    print(key)
    assert key == "k3y-of-a-file"
    read = "cat /run/credentials/kioskd.service/hydra-key"
    assert world.channel.run("runuser", "-u", "games", "--", *read.split()).code != 0
    everything = (
        "journalctl -b --no-pager -o json -u kioskd.service; kioskctl status --json; systemctl show kioskd.service"
    )
    assert "k3y-of-a-file" not in world.channel.run("sh", "-c", everything).out
    pid = world.show("kioskd.service", "MainPID")["MainPID"]
    assert "k3y-of-a-file" not in world.channel.shell(
        f"tr '\\0' '\\n' </proc/{pid}/environ; tr '\\0' ' ' </proc/{pid}/cmdline"
    )


def test_an_encrypted_one_does_too(world: World) -> None:
    encrypt = "printf k3y-that-was-encrypted | systemd-creds encrypt --name=hydra-key - /etc/kioskd/hydra-key.cred"
    world.channel.shell(encrypt)
    assert b"k3y" not in world.channel.read("/etc/kioskd/hydra-key.cred")
    handed(world, "LoadCredentialEncrypted=hydra-key:/etc/kioskd/hydra-key.cred")
    key = shown(world)
    print(key)
    assert key == "k3y-that-was-encrypted"


def test_one_that_was_tampered_with_is_no_key_and_the_kiosk_comes_back_when_it_is_mended(world: World) -> None:
    good = world.channel.read("/etc/kioskd/hydra-key.cred")
    middle = len(good) // 2
    other = b"A" if good[middle : middle + 1] != b"A" else b"B"
    world.channel.write("/etc/kioskd/hydra-key.cred", good[:middle] + other + good[middle + 1 :], 0o600)
    assert world.channel.run("systemctl", "restart", "kioskd.service", seconds=60).code != 0
    said = world.show("kioskd.service", "ExecMainStatus", "Restart", "ActiveState")
    print(said)
    assert said["ExecMainStatus"] == "243"  # EXIT_CREDENTIALS, systemd.exec(5)
    world.channel.write("/etc/kioskd/hydra-key.cred", good, 0o600)
    world.ready()
    assert shown(world) == "k3y-that-was-encrypted"


def test_without_it_the_kiosk_runs_and_says_which_is_missing(world: World) -> None:
    world.channel.shell(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart kioskd.service", 60)
    world.ready()
    world.channel.shell("kioskctl panel press talk; sleep 0.5; kioskctl panel release talk")
    _, page = world.until("it says so", lambda page: "hydra-key" in str(page["health"]["reasons"]), 20)
    print(page["health"]["reasons"])
    assert page["phase"] == "idle" or page["link"]["state"] != "ready"
