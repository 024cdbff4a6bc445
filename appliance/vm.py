"""The machine: QEMU with the image. The image is never changed; what a boot writes is gone with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from appliance.channel import Channel
from appliance.host import ApplianceError, kvm_serves, need

QEMU = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
# Emulated: x86-64-v2, which numpy wants, and no more: what is wider is only slower when it is played by software.
CPU = {"amd64": "Nehalem", "arm64": "cortex-a72"}
# Emulated: the guest's clock counts its instructions, one a nanosecond, and stands still while the host has no time for
# it. So the guest is a machine with one slow core that never stalls, whatever else runs here: sound and deadlines in it
# are those of such a machine, and only we outside must wait. While it is idle its clock goes with ours.
COUNTED = ["-icount", "shift=0,sleep=on"]
# So much longer than with KVM we may have to wait for a guest that is counted, on a busy host. The patience of a test
# is multiplied by it, and nothing else: bounds of the product are in the guest's own time.
EMULATED, VIRTUAL = 12.0, 1.5
BOOT_S = 30.0  # of a usual machine
MEMORY_MIB = 1024


@cache
def accelerated(arch: str, image: Path) -> bool:
    """Whether KVM serves here."""
    return kvm_serves(QEMU[arch], image / "vmlinuz")


class Boot(NamedTuple):
    """How a boot differs from the usual one.

    Attributes:
        words: more of the kernel's command line; a later word overrules an earlier one.
        disks: raw images, /dev/vdb and so on; what is written there is gone with the boot too.
        clock: what the board's clock shows at power on, as 2019-01-01T00:00:00; empty: the time.
    """

    words: str = ""
    disks: tuple[Path, ...] = ()
    clock: str = ""


USUAL = Boot()
# Nothing of this machine needs them. That the same code at the same address need not be translated again is a guess.
SPARE = (
    "nokaslr norandmaps mitigations=off audit=0 apparmor=0 cryptomgr.notests random.trust_cpu=on "
    "rcupdate.rcu_expedited=1"
)


def arguments(
    arch: str, image: Path, folder: Path, kvm: bool, ssh_port: int, console: str, boot: Boot = USUAL
) -> list[str]:
    """QEMU's command line.

    Args:
        folder: where its sockets and the console's log go.
        ssh_port: of this machine's loopback, forwarded to the guest's port 22.
        console: "log" writes the guest's console to a file, "here" puts it on this terminal.
    """
    tty = "ttyAMA0" if arch == "arm64" else "ttyS0"
    machine = ["-machine", "virt"] if arch == "arm64" else []
    emulated = ["-accel", "tcg,thread=single", "-cpu", CPU[arch], "-smp", "1", *COUNTED]
    accel = ["-accel", "kvm", "-cpu", "host", "-smp", "2"] if kvm else emulated
    rtc = ",".join(filter(None, ["" if kvm else "clock=vm", f"base={boot.clock}" if boot.clock else ""]))
    drives = [image / "disk.img", *boot.disks]
    serial = {"log": f"file:{folder / 'console.log'}", "here": "mon:stdio"}[console]
    return [
        *("nice", "-n", "5", QEMU[arch], *machine, *accel, "-m", str(MEMORY_MIB), "-no-reboot"),
        *("-display", "none", "-serial", serial, "-nodefaults"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img")),
        *("-append", f"root=/dev/vda rw console={tty} quiet net.ifnames=0 panic=-1 {SPARE} {boot.words}".strip()),
        *(word for disk in drives for word in ("-drive", f"file={disk},format=raw,if=virtio,snapshot=on,cache=unsafe")),
        *(("-rtc", rtc) if rtc else ()),
        *("-pidfile", str(folder / "pid")),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=kioskd.appliance"),
        *("-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off"),
        *("-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
        *("-netdev", f"user,id=outside,hostfwd=tcp:127.0.0.1:{ssh_port}-:22"),
        *("-device", "virtio-net-pci,netdev=outside,id=nic"),
        *("-device", "virtio-rng-pci"),
    ]


def free_port() -> int:
    """A port of the loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """One boot of the image.

    Args:
        image: the folder with disk.img, vmlinuz, initrd.img.
        console: as ``arguments``.
        standing: a folder in which the machine stays when it is let go, for the next who names it; None: it does not.
    """

    def __init__(
        self, image: Path, arch: str, console: str = "log", boot: Boot = USUAL, standing: Path | None = None
    ) -> None:
        need(QEMU[arch])
        self.image, self.arch, self.console, self.how, self._standing = image, arch, console, boot, standing
        # A unix socket's path has 107 bytes at most (unix(7)): a short folder, not the cache.
        self.folder = standing or Path(tempfile.mkdtemp(prefix="appliance-"))
        self.folder.mkdir(exist_ok=True)
        self.kvm = accelerated(arch, image)
        self.scale = VIRTUAL if self.kvm else EMULATED
        port = self.folder / "ssh_port"
        self.ssh_port = int(port.read_text()) if self.stands() else free_port()
        port.write_text(str(self.ssh_port))
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self.began = 0.0

    def pid(self) -> int | None:
        """QEMU's; None: none runs for this folder."""
        file = self.folder / "pid"
        pid = int(file.read_text()) if file.exists() else None
        return pid if pid is not None and Path(f"/proc/{pid}").exists() else None

    def stands(self) -> bool:
        """Whether somebody before us booted it and let it go."""
        return self._standing is not None and self.pid() is not None

    def processor_s(self) -> float:
        """What QEMU has used of this machine's processors: what a run costs, however busy the machine is."""
        pid = self.pid()
        if pid is None:
            return 0.0
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc_pid_stat(5): utime, stime

    @property
    def channel(self) -> Channel:
        """Raises: ApplianceError: it was not booted."""
        if self._channel is None:
            raise ApplianceError("the machine was not booted")
        return self._channel

    def start(self) -> None:
        """Begin to boot."""
        command = arguments(self.arch, self.image, self.folder, self.kvm, self.ssh_port, self.console, self.how)
        self.began = time.monotonic()
        here = self.console == "here"
        out = None if here else (self.folder / "qemu.log").open("wb")
        self._process = subprocess.Popen(command, stdin=None if here else subprocess.DEVNULL, stdout=out, stderr=out)

    def boot(self) -> Channel:
        """Boot until the agent answers.

        Raises:
            ApplianceError: it does not come up; with the end of what its console said.
        """
        standing = self.stands()
        if not standing:
            self.start()
        try:
            self._channel = Channel(self.folder / "agent", self.scale)
            (self._channel.reborn if standing else self._channel.awake)(BOOT_S)
        except ApplianceError as error:
            raise ApplianceError(f"{error}\n{self.tail()}") from error
        return self._channel

    def monitor(self, line: str) -> None:
        """A line for QEMU's monitor that says nothing when all is well.

        Raises:
            ApplianceError: it said something.
        """
        said = self.command("human-monitor-command", **{"command-line": line})
        if said.strip():
            raise ApplianceError(f"QEMU's monitor says to {line}: {said.strip()}")

    def keep(self, name: str) -> None:
        """Keep the whole machine as it is now, for ``recall``, as long as QEMU runs."""
        self.monitor(f"savevm {name}")
        (self.folder / f"kept-{name}").touch()

    def kept(self, name: str) -> bool:
        """Whether there is one of that name."""
        return (self.folder / f"kept-{name}").exists()

    def recall(self, name: str) -> None:
        """The whole machine as it was: memory, disk, clock. Seconds, where a boot is a minute."""
        self.monitor(f"loadvm {name}")
        self.channel.reborn(BOOT_S)

    def tail(self) -> str:
        """The end of what the console and QEMU said."""
        logs = (self.folder / "qemu.log", self.folder / "console.log")
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in logs if path.exists())

    def wait(self) -> int:
        """Until the guest is switched off; QEMU's status."""
        assert self._process is not None
        return self._process.wait()

    def command(self, execute: str, **given: Any) -> Any:
        """One command of QEMU's machine protocol (QMP), as set_link or system_reset.

        Raises:
            ApplianceError: QEMU refuses.
        """
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(300)  # savevm on a busy machine
            line.connect(str(self.folder / "qmp"))
            stream = line.makefile("rw")
            for asked in ({"execute": "qmp_capabilities"}, {"execute": execute, "arguments": given}):
                stream.write(json.dumps(asked) + "\n")
                stream.flush()
                answer: dict[str, Any] = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
        if "error" in answer:
            raise ApplianceError(f"QEMU refuses {execute}: {answer['error'].get('desc')}")
        return answer["return"]

    def network(self) -> None:
        """Give the guest its network: QEMU's own, with nobody on it but this machine."""
        self.channel.shell(
            "ip link set eth0 up && ip addr replace 10.0.2.15/24 dev eth0 && ip route replace default via 10.0.2.2 && "
            "echo nameserver 10.0.2.3 >/etc/resolv.conf"
        )

    def ssh(self) -> list[str]:
        """The beginning of an ssh command that reaches the guest as root, with a key made for it."""
        need("ssh-keygen")
        key = self.folder / "key"
        if not key.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
            self.channel.write("/root/.ssh/authorized_keys", (self.folder / "key.pub").read_bytes(), 0o600)
            self.channel.must("systemctl", "start", "ssh.service", seconds=30)
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR".split()
        return ["ssh", *options, "-i", str(key), "-p", str(self.ssh_port), "root@127.0.0.1"]

    def collect(self, folder: Path, names: Sequence[str] = ()) -> None:
        """Journals, status and recordings, for whoever looks why a test failed. What cannot be had is left out."""
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {
            "journal.txt": "journalctl -b --no-pager -o short-monotonic",
            "kioskd.json": "journalctl -b --no-pager -o json -u kioskd.service -u kioskd-voice.service",
            "units.txt": "systemctl status --no-pager -l kioskd.service kioskd-voice.service kioskd-voice.socket",
            "status.json": "kioskctl status --json",
            "failed.txt": "systemctl --failed --no-pager",
        }
        for name, script in wanted.items():
            try:
                done = self.channel.run("sh", "-c", f"{script} 2>&1")
                (folder / name).write_text(done.out)
            except ApplianceError as error:
                (folder / name).write_text(f"{error}\n")
        for path in names:
            try:
                (folder / Path(path).name).write_bytes(self.channel.read(path))
            except ApplianceError as error:
                (folder / "missing.txt").open("a").write(f"{error}\n")
        for log in ("console.log", "qemu.log"):
            if (self.folder / log).exists():
                shutil.copyfile(self.folder / log, folder / log)

    def close(self) -> None:
        """Pull the plug; where it is one that stays, let it go."""
        if self._channel is not None:
            self._channel.close()
        if self._standing is not None:
            return
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
