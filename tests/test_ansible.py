"""The Ansible role with a real ansible-playbook, against a box that is reached by a real sshd.

The box is this machine once more, and nothing that happens in it stays: its root lies over ours (overlayfs), in a mount
and a process namespace of its own, so its dpkg and apt are real ones. It has no systemd. A package of the test has the
project's own units, configuration and users, and programs that lead here.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ANSIBLE = ROOT / "ansible"

BOX = """\
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mkdir "$1/root/run/sshd"
# What the profile of ours would do at each login is not part of a box.
sed -i '/^root:/s|:[^:]*$|:/bin/sh|' "$1/root/etc/passwd"
exec chroot "$1/root" /usr/sbin/sshd -D -e -f "$2"
"""

POSTINST = """\
#!/bin/sh
set -e
systemd-sysusers kioskd.conf
chown root:kioskd /etc/kioskd/kioskd.yaml
chmod 640 /etc/kioskd/kioskd.yaml
"""

KIOSK = """\
kiosk: {name: Front door}
service:
  - {dialect: local, url: "ws://127.0.0.1:9/waves/v1/s2s"}
persona: {instructions: Be kind.}
talk: {mode: voice}
audio: {input: "null", output: "null", volume: 0.8}
panel: {pins: simulated, talk: {pin: GPIO17}}
"""


class Box:
    """A throw-away copy of this machine behind an sshd, and a folder from which Ansible tends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {folder}/user.pub\nPermitRootLogin yes\nPidFile none\nSubsystem sftp internal-sftp\n"
            "SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        )
        key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "known").write_text(f"[127.0.0.1]:{port} {key}\n")
        self.ssh = ["-i", str(folder / "user"), "-o", f"UserKnownHostsFile={folder}/known", "-p", str(port)]
        (folder / "inventory.yml").write_text(
            f"kiosks:\n  hosts:\n    front:\n      ansible_host: 127.0.0.1\n      ansible_port: {port}\n"
            f"  vars:\n    ansible_user: root\n    ansible_ssh_private_key_file: {folder}/user\n"
            f"    ansible_ssh_common_args: -o UserKnownHostsFile={folder}/known\n"
            "    kioskd_watch: 0.3\n    kioskd_apt_update: false\n"
        )
        (folder / "boxes").mkdir()
        self.config(KIOSK)
        (folder / "mnt").mkdir()
        (folder / "box.sh").write_text(BOX)
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        self._process = subprocess.Popen(
            [*spaces, "sh", str(folder / "box.sh"), str(folder / "mnt"), str(folder / "sshd_config")],
            stderr=subprocess.PIPE,
            text=True,
        )
        said = ""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            said += line
            if "Server listening" in line:
                break
        else:
            raise OSError(said)
        threading.Thread(
            target=self._process.stderr.read, daemon=True
        ).start()  # it would stand still when this is full

    def config(self, text: str) -> None:
        """What the box shall have."""
        (self.folder / "boxes" / "front.yaml").write_text(text)

    def sh(self, command: str) -> str:
        """What a command there prints."""
        words = ["ssh", *self.ssh, "root@127.0.0.1", command]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    def play(self, book: str, *words: str) -> tuple[str, dict[str, int]]:
        """``ansible-playbook``: what it said, and the box's line of the recap."""
        command = [str(BIN / "ansible-playbook"), "-i", str(self.folder / "inventory.yml"), book, *words]
        env = {**os.environ, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, cwd=ANSIBLE, env=env, capture_output=True, text=True, timeout=300)
        said = done.stdout + done.stderr
        recap = re.search(r"^front +: (.*)$", said, re.M)
        assert recap is not None, said
        counts = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", recap[1])}
        assert (done.returncode == 0) == (counts["failed"] == counts["unreachable"] == 0), said
        return said, counts

    def package(self, version: str, program: str = 'exec {python} -m kioskd.{name} "$@"') -> str:
        """A package of kioskd that has everything of the real one but its private environment."""
        tree, file = self.folder / f"tree-{version}", self.folder / f"kioskd_{version}_all.deb"
        if file.exists():
            return f"kioskd_deb={file}"
        for name, module in (("kioskd", "cli"), ("kioskctl", "ctl")):
            path = tree / "usr" / "bin" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n" + program.format(python=sys.executable, name=module) + "\n")
            path.chmod(0o755)
        for source, target in (
            ("config/kioskd.yaml", "etc/kioskd/kioskd.yaml"),
            ("systemd/kioskd.service", "usr/lib/systemd/system/kioskd.service"),
            ("systemd/kioskd-voice.socket", "usr/lib/systemd/system/kioskd-voice.socket"),
            ("systemd/sysusers.d-kioskd.conf", "usr/lib/sysusers.d/kioskd.conf"),
        ):
            (tree / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, tree / target)
            (tree / target).chmod(0o644)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN" / "conffiles").write_text("/etc/kioskd/kioskd.yaml\n")
        (tree / "DEBIAN" / "postinst").write_text(POSTINST)
        (tree / "DEBIAN" / "postinst").chmod(0o755)
        (tree / "DEBIAN" / "control").write_text(
            f"Package: kioskd\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@kioskd.invalid>\n"
            "Description: for a test\n"
        )
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, file], check=True, stdout=-3)
        return f"kioskd_deb={file}"

    def start(self) -> None:
        """Have kioskd run there, started again however it ends, until the box is gone; back when its configuration has
        proven good: there is nothing to roll back to before."""
        run = "while :; do kioskd run -c /etc/kioskd/kioskd.yaml; sleep 0.1; done"
        self.sh(
            f"setsid sh -c '{run}' >/run/log 2>&1 </dev/null & until kioskctl status >/dev/null; do sleep 0.1; done; "
            "until ls /var/lib/kioskd/config/good-*; do sleep 0.2; done"
        )

    def close(self) -> None:
        """Take it away, with all that runs in it."""
        self._process.kill()
        self._process.wait(10)


@pytest.fixture(scope="module")
def box() -> Iterator[Box | None]:
    """The box; None where this machine (or this user) cannot make one."""
    folder = Path(tempfile.mkdtemp(prefix="kioskd-fleet-"))
    one: Box | None = None
    try:
        one = Box(folder)
    except OSError as error:
        warnings.warn(f"No namespaces for a box here ({error}): the role was read, and not played.")
    yield one
    if one is not None:
        one.close()
    shutil.rmtree(folder)


def test_a_bare_box_is_told_about_installed_configured_and_left_alone(box: Box | None) -> None:
    if box is None:
        return
    deb = box.package("1.0")
    said, counts = box.play("site.yml", "--check", "--diff", "-e", deb)
    assert counts["failed"] == 0 and counts["changed"] >= 2 and "not installed yet" in said, said
    assert "none" in box.sh("dpkg-query -s kioskd >/dev/null 2>&1 || echo none")
    said, counts = box.play("site.yml", "-e", deb)
    assert counts["failed"] == 0 and "No systemd runs on front: kioskd is installed and configured" in said, said
    assert box.sh("cat /etc/kioskd/kioskd.yaml") == KIOSK
    assert box.sh("stat -c '%U:%G %a' /etc/kioskd/kioskd.yaml") == "root:kioskd 640\n"


def test_the_box_refuses_tries_keeps_and_goes_back(box: Box | None) -> None:
    if box is None:
        return
    deb = box.package("1.0")
    box.start()
    louder = KIOSK.replace("0.8", "0.3")
    box.config(louder.replace("0.3", "7"))
    said, counts = box.play("site.yml")
    assert counts["failed"] == 1 and "audio.volume" in said and box.sh("cat /etc/kioskd/kioskd.yaml") == KIOSK, said
    box.config(louder)
    said, counts = box.play("site.yml", "--check", "--diff")
    assert "-audio.volume: 0.8" in said and "+audio.volume: 0.3" in said, said
    assert box.sh("cat /etc/kioskd/kioskd.yaml") == KIOSK, "check mode changes nothing"
    said, counts = box.play("site.yml", "-e", "kioskd_confirm_within=30")
    assert counts["failed"] == 0 and box.sh("cat /etc/kioskd/kioskd.yaml") == louder, said
    said, counts = box.play("site.yml", "-e", "kioskd_confirm_within=30", "-e", deb)
    assert counts["changed"] == counts["failed"] == 0, said
    said, counts = box.play("rollback.yml")
    assert counts["failed"] == 0 and box.sh("cat /etc/kioskd/kioskd.yaml") == KIOSK, said


@pytest.mark.long
def test_a_version_that_does_not_do_is_taken_back(box: Box | None) -> None:
    if box is None:
        return
    box.config(KIOSK)
    for changed in (True, False):
        said, counts = box.play("site.yml", "-e", box.package("1.0"))
        assert counts["failed"] == 0 and (changed or not counts["changed"]), said
    said, counts = box.play("site.yml", "-e", box.package("1.2", "echo broken >&2; exit 70"))
    assert counts["failed"] == 1 and "kioskd_1.0_all.deb is back" in said and "broken" in said, said
    version = "dpkg-query -W -f '${db:Status-Abbrev}${Version}' kioskd"
    assert box.sh(version) == "ii 1.0"
    said, counts = box.play("site.yml", "-e", box.package("1.1"))
    assert counts["failed"] == 0 and box.sh(version) == "ii 1.1", said
    said, counts = box.play("rollback.yml", "-e", "kioskd_back=package")
    assert counts["failed"] == 0 and box.sh(version) == "ii 1.0", said
    assert box.sh("cat /etc/kioskd/kioskd.yaml") == KIOSK, "the configuration is the box's own"


@pytest.mark.long
def test_a_wheel_has_an_environment_of_its_own_and_one_that_does_not_do_is_no_trace(box: Box | None) -> None:
    """Without its libraries, which would take minutes: what is looked at is the environment, the link and the units."""
    if box is None:
        return
    box.sh("dpkg --purge kioskd 2>/dev/null; rm -rf /etc/kioskd /usr/bin/kioskctl")
    source = box.folder / "source"
    shutil.copytree(ROOT / "kioskd", source / "kioskd", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(box.folder), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = box.folder.glob("kioskd-*.whl")
    bare = ["-e", '{"kioskd_wheel_needs": [], "kioskd_pip_extras": "", "kioskd_pip_arguments": ["--no-deps"]}']
    said, counts = box.play("site.yml", *bare, "-e", f"kioskd_wheel={wheel}", "-e", f"kioskd_kioskctl={BIN}/kioskctl")
    link = "readlink /usr/lib/kioskd/venv"
    assert counts["failed"] == 0 and box.sh(link).startswith("/usr/lib/kioskd/venv-"), said
    first = box.sh(link)
    assert "kioskd " in box.sh("kioskd --version") and "User=kioskd" in box.sh("cat /etc/systemd/system/kioskd.service")
    bad = box.folder / "kioskd-9-py3-none-any.whl"
    bad.write_bytes(b"no wheel")
    said, counts = box.play("site.yml", *bare, "-e", f"kioskd_wheel={bad}", "-e", f"kioskd_kioskctl={BIN}/kioskctl")
    assert counts["failed"] == 1 and "what the box had before is untouched" in said, said
    assert box.sh(link) == first and box.sh("ls -d /usr/lib/kioskd/venv-*") == first


def test_the_role_is_written_as_yamllint_wants_it_and_says_what_each_variable_means() -> None:
    subprocess.run([str(BIN / "yamllint"), "--strict", "."], cwd=ANSIBLE, check=True, timeout=60)
    defaults = yaml.safe_load((ANSIBLE / "roles/kioskd/defaults/main.yml").read_text())
    specs = yaml.safe_load((ANSIBLE / "roles/kioskd/meta/argument_specs.yml").read_text())["argument_specs"]
    options = specs["main"]["options"]
    assert set(options) == set(defaults) and all(one.get("description") for one in options.values())
    told = {name: one["default"] for name, one in options.items() if "default" in one}
    assert told == {name: defaults[name] for name in told}
