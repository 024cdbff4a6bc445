"""A box: the appliance booted without QEMU. systemd is process 1 of Linux namespaces, on the same Debian and package.

It is a machine without a kernel of its own: no sound card, no lines, no clock to set, no memory to run out of. What
systemd does with kioskd is all there, in seconds. Whatever ends the tester ends the box: appliance/box/hold.sh.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from appliance.channel import Channel
from appliance.host import ROOT, ApplianceError, need
from appliance.vm import BOOT_S, USUAL, Machine

SCRIPTS = ROOT / "appliance" / "box"
# The namespaces of what holds a box; boot.sh makes those of the box itself below them.
SPACES = ("unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--propagation", "private")
# A machine that others use as well. All patience is multiplied by it.
BUSY = 2.0
AGENT = "run/appliance-agent"
# As QEMU's own network has them (Machine.network).
ADDRESS, OUTSIDE = "10.0.2.15", "10.0.2.2"
# Everything that a box begins with, tried at once.
PROBE = (
    "mount -t tmpfs tmpfs {0} && mkdir {0}/a {0}/b {0}/c {0}/d {0}/e && mount -t cgroup2 none {0}/e && "
    "mount -t overlay overlay -o lowerdir={0}/a,upperdir={0}/b,workdir={0}/c {0}/d && "
    "ip link add kiosk0 type veth peer name kiosk1"
)


def cannot_box() -> str:
    """Why this machine, or this user, cannot boot a box: a sentence; empty when it can."""
    if os.geteuid() != 0:
        return "a box is made of namespaces and mounts, for which root is needed: sudo scripts/appliance ..."
    missing = [name for name in ("unshare", "nsenter", "setpriv", "ip") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is missing; apt-get install util-linux iproute2"
    with tempfile.TemporaryDirectory(prefix="appliance-") as folder:
        command = [*SPACES, "--uts", "--ipc", "--cgroup", "sh", "-c", PROBE.format(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    why = " ".join(done.stderr.split())[-200:] or f"exit status {done.returncode}"
    return f"root may not make what a box is made of ({why}); a container needs --privileged" if done.returncode else ""


class Box(Machine):
    """One box; it can be cut off and booted again over the same disk, which is gone with it.

    Args:
        layer: the folder with tree and given.
    """

    def __init__(self, layer: Path, arch: str) -> None:
        need("unshare", "ssh-keygen")
        self.image, self.arch, self.how, self.scale, self.began = layer, arch, USUAL, BUSY, 0.0
        self.kvm, self.ssh_port = False, 22
        self.folder = Path(tempfile.mkdtemp(prefix="appliance-"))
        self._channel: Channel | None = None
        self._holder: subprocess.Popen[str] | None = None
        self._console = -1
        self._wired = 0
        self._used_s = 0.0  # by the boots before this one

    # -- on and off ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to boot."""
        holder = self._holder or self._hold()
        (self.folder / "pid").unlink(missing_ok=True)
        self.began = time.monotonic()
        assert holder.stdin is not None
        holder.stdin.write(f"boot {self._terminal()}\n")
        holder.stdin.flush()

    def _hold(self) -> subprocess.Popen[str]:
        (self.folder / "disk").mkdir()
        if (self.image / "given").exists():
            (self.folder / "given").symlink_to(self.image / "given")
        with (self.folder / "holder.log").open("w") as log:
            self._holder = subprocess.Popen(
                [*SPACES, "sh", str(SCRIPTS / "hold.sh"), str(self.image / "tree"), str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the tester, who then closes it
            )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "held\n":
            raise ApplianceError(f"no box could be made: {(self.folder / 'holder.log').read_text().strip()}")
        return self._holder

    def _terminal(self) -> str:
        """The console of the next boot; what it says goes to console.log."""
        if self._console >= 0:
            return os.ttyname(self._console)
        ours, self._console = os.openpty()

        def keep() -> None:
            with (self.folder / "console.log").open("wb", buffering=0) as log, open(ours, "rb", buffering=0) as said:
                try:
                    while some := said.read(4096):
                        log.write(some)
                except OSError:
                    return  # EIO: nobody has the other end any more

        threading.Thread(target=keep, name="appliance-console", daemon=True).start()
        return os.ttyname(self._console)

    def boot(self) -> Channel:
        """Boot until the agent answers; raises as Machine's."""
        self.start()
        ends = time.monotonic() + BOOT_S * self.scale
        try:
            while (pid := self.pid()) is None or not Path(f"/proc/{pid}/root/{AGENT}").exists():
                if time.monotonic() > ends:
                    raise ApplianceError("systemd has not come as far as the tester's agent")
                time.sleep(0.05)
            self._channel = Channel(Path(f"/proc/{pid}/root/{AGENT}"), self.scale)
            self._channel.awake(BOOT_S)
        except ApplianceError as error:
            raise ApplianceError(f"{error}\n{self.tail()}") from error
        return self._channel

    def pid(self) -> int | None:
        """Of its systemd, as this machine numbers it; None: it is off."""
        file = self.folder / "pid"
        said = file.read_text() if file.exists() else ""
        pid = int(said) if said.endswith("\n") else None
        return pid if pid is not None and Path(f"/proc/{pid}/root").exists() else None

    def off_within(self, seconds: float) -> bool:
        """Whether it goes off by itself."""
        ends = time.monotonic() + seconds * self.scale
        while self.pid() is not None:
            if time.monotonic() > ends:
                return False
            time.sleep(0.05)
        return True

    def cut(self) -> Channel:
        """Cut its power, and boot it again over the disk as it was; the tester's new hand.

        All its processes end at once, in the middle of whatever they did. What they had written, and not synced, is
        there: only a kernel that ends with them forgets it.

        Raises:
            ApplianceError: it does not come up.
        """
        pid, self._used_s = self.pid(), self.processor_s()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        if not self.off_within(20):
            raise ApplianceError("the box does not end")
        if self._channel is not None:
            self._channel.close()
        self._wired = 0
        return self.boot()

    # -- around it -------------------------------------------------------------------------------

    def inside(self, *command: str) -> list[str]:
        """That command, in the box, with this terminal; for somebody who looks. Tests have the channel."""
        pid = self.pid()
        if pid is None:
            raise ApplianceError("the box is off")
        spaces = ["nsenter", "-t", str(pid), "-m", "-p", "-u", "-i", "-n", "-C", "--root", "--wd"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return [*spaces, "env", "-i", path, f"TERM={os.environ.get('TERM', 'dumb')}", "LANG=C.UTF-8", *command]

    def outside(self, *command: str) -> list[str]:
        """That command, in the network outside: who runs it sees the box as a machine at ``ADDRESS``."""
        assert self._holder is not None
        return ["nsenter", "-t", str(self._holder.pid), "--net", *command]

    def cable(self, up: bool) -> None:
        """Plug the network cable in, or pull it out: what is under way is lost, and nobody is told."""
        pid = self.pid()
        if pid is None:
            raise ApplianceError("the box is off")
        if self._wired != pid:
            wire = ["ip", "link", "add", "outside", "type", "veth", "peer", "name", "eth0", "netns", str(pid)]
            for command in (wire, ["ip", "addr", "add", f"{OUTSIDE}/24", "dev", "outside"]):
                subprocess.run(self.outside(*command), check=True, timeout=20)
            self._wired = pid
        subprocess.run(self.outside("ip", "link", "set", "outside", "up" if up else "down"), check=True, timeout=20)

    def network(self) -> None:
        """Give the box its network: a cable, with nobody at its other end but the tester."""
        self.cable(True)
        super().network()

    def ssh(self) -> list[str]:
        """The beginning of an ssh command that reaches the box as root, with a key made for it."""
        self.key()
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR".split()
        return self.outside("ssh", *options, "-i", str(self.folder / "key"), f"root@{ADDRESS}")

    def key(self) -> Path:
        """The key that its sshd lets root in with; its sshd runs."""
        key = self.folder / "key"
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.channel.write("/root/.ssh/authorized_keys", (self.folder / "key.pub").read_bytes(), 0o600)
        self.channel.must("systemctl", "start", "ssh.service", seconds=30)
        return key

    def processor_s(self) -> float:
        """What all its processes have used of this machine's processors."""
        pid = self.pid()
        if pid is None:
            return self._used_s
        text = Path(f"/proc/{pid}/root/sys/fs/cgroup/cpu.stat").read_text()
        return self._used_s + int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6

    def command(self, execute: str, **given: Any) -> Any:
        """Raises: ApplianceError: there is no QEMU whose command it could be."""
        raise ApplianceError(f"a box has no QEMU for {execute}")

    def kept(self, name: str) -> bool:
        """A box cannot be put back to a moment; it boots in seconds."""
        return False

    def close(self) -> None:
        """Take it away with all that runs in it."""
        if self._channel is not None:
            self._channel.close()
        if self._holder is not None and self._holder.stdin is not None:
            self._holder.stdin.close()
            try:
                self._holder.wait(30)
            except subprocess.TimeoutExpired:
                self._holder.kill()
                self._holder.wait()
            if self._holder.stdout is not None:
                self._holder.stdout.close()
        if self._console >= 0:
            os.close(self._console)
        shutil.rmtree(self.folder, ignore_errors=True)
