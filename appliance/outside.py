"""The service on the other side of the network: ``kioskd voice`` on this machine, behind TLS.

The guest reaches it at 10.0.2.2, which is this machine's loopback as QEMU's network shows it (``-netdev user``).
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from appliance.host import ROOT, ApplianceError, need
from appliance.world import OWNERS_FILE, World

ADDRESS = "10.0.2.2"
START_S = 60.0
# It lives by this machine's clock, and the guest's is slower while this one is busy: nobody is idle or late here.
PATIENT = ("idle-timeout=0", "tool-timeout=3600", "flood=ignore")


class Outside:
    """Opened by making it; ``close`` ends it.

    Args:
        folder: for key and certificate.
    """

    def __init__(self, folder: Path) -> None:
        need("openssl")
        self._folder = folder
        self._certify()
        command = [sys.executable, "-m", "kioskd.cli", "voice", "--listen", "127.0.0.1:0", "--log-level", "warning"]
        command += [word for fault in PATIENT for word in ("--fault", fault)]
        self._voice = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._voice.stdout is not None
        line = self._voice.stdout.readline()  # "listening on ws://127.0.0.1:PORT..."
        if "ws://" not in line:
            raise ApplianceError(f"kioskd voice does not listen: {line}")
        self._behind = int(line.rpartition("ws://")[2].split("/")[0].strip().rpartition(":")[2])
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outside", daemon=True)
        self._thread.start()
        if not self._open.wait(START_S):
            raise ApplianceError("the service outside did not open")

    def _certify(self) -> None:
        self.certificate = self._folder / "outside.pem"
        subject = ["-subj", "/CN=the service outside", "-addext", f"subjectAltName=IP:{ADDRESS}"]
        usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
        files = ["-keyout", str(self._folder / "outside.key"), "-out", str(self.certificate)]
        subprocess.run(["openssl", "req", "-x509", *curve, *subject, *usage, *files], check=True, capture_output=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self._folder / "outside.key")
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context))
        self.port = int(server.sockets[0].getsockname()[1])
        self._open.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            behind = await asyncio.open_connection("127.0.0.1", self._behind)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, behind[1]), self._pump(behind[0], writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1 << 16):
                writer.write(chunk)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass  # a torn connection is what this is for; the other direction sees it as well
        finally:
            writer.close()

    async def _hang_up(self) -> None:
        """Whoever is connected still: an end in the middle would be a failure of the run that nothing failed in."""
        open_ = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_:
            task.cancel()
        await asyncio.wait(open_, timeout=5) if open_ else None

    def introduce(self, world: World, but: str = "") -> None:
        """Have the kiosk know it, trust its certificate and prefer it to everything: its file is written anew.

        Args:
            but: sed's words for what else is different in the file.
        """
        named = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", str(self.certificate)],
            check=True,
            capture_output=True,
            text=True,
        )
        # What update-ca-certificates would make of it; its script is a minute of an emulated machine's work.
        world.channel.write(f"/etc/ssl/certs/{named.stdout.strip()}.0", self.certificate.read_bytes())
        world.channel.write(OWNERS_FILE, (ROOT / "appliance/guest/kioskd.yaml").read_bytes(), 0o640)
        world.channel.must("chgrp", "kioskd", OWNERS_FILE)
        url = f"wss://{ADDRESS}:{self.port}/waves/v1/s2s"
        world.configure(f's|- dialect: local|- dialect: local\\n    url: "{url}"|;{but}')

    def close(self) -> None:
        """Nobody answers there any more."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._voice.terminate()
        self._voice.wait(20)
