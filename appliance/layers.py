"""What the image is made of, each layer from the ones before it: base, builder, kernel module, package, image; or box.

Only the package, the image and the box depend on the project. The base is what an owner's machine has before kioskd
comes; the builder is the same Debian with compilers, which the image never gets.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from appliance.chroot import Chroot
from appliance.host import ROOT, ApplianceError, architecture, mirror, need, need_root, run, say
from appliance.store import Store, digest, of_files

KERNELS = {"amd64": "linux-image-amd64", "arm64": "linux-image-arm64"}
# What the appliance has before its owner installs anything; alsa-utils and libasound2-plugins are what the package
# recommends; gpiod is for whoever looks. The libraries below would come with the package: here they come once.
PACKAGES = (
    "systemd systemd-sysv dbus udev kmod iproute2 procps python3 ca-certificates alsa-utils gpiod espeak-ng "
    "libasound2-plugins libportaudio2 openssh-server initramfs-tools"
).split()
TOOLS = (
    "build-essential python3-venv python3-dev pkg-config portaudio19-dev libasound2-dev libsystemd-dev espeak-ng "
    "dpkg-dev binutils fakeroot xz-utils"
).split()
# A virtual machine's disk, and nothing else: a small initrd is a quick boot under emulation.
INITRD_MODULES = "virtio_pci\nvirtio_blk\next4\n"
INITRD_CONF = "MODULES=list\nCOMPRESS=gzip\n"
IMAGE_MIB = 3072
# Everything that scripts/package reads.
PROJECT = (
    *("kioskd", "systemd", "packaging", "config", "docs", "scripts/package", "scripts/setup", "setup.cfg"),
    *("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"),
)


class Layers:
    """The layers of one Debian release on one architecture.

    Args:
        release: Debian's code name.
        arch: Debian's name of the architecture; only this machine's own can be built here.
        root: the project.
    """

    def __init__(self, release: str, arch: str, root: Path = ROOT) -> None:
        self.release, self.arch, self.root = release, arch, root
        self.store = Store(release, arch)

    # -- what names each layer -------------------------------------------------------------------

    def base_key(self) -> str:
        """Of what an owner's machine has before kioskd."""
        return digest("1", self.release, self.arch, *PACKAGES, INITRD_MODULES, INITRD_CONF)

    def builder_key(self) -> str:
        """Of the tree that compiles."""
        return digest("1", self.base_key(), *TOOLS)

    def module_key(self) -> str:
        """Of gpio-sim, for the base's kernel."""
        return digest("1", self.base_key(), of_files(self.root, "appliance/guest/gpio-sim"))

    def package_key(self) -> str:
        """Of the Debian package."""
        return digest("1", self.builder_key(), of_files(self.root, *PROJECT))

    def image_key(self) -> str:
        """Of the whole image."""
        return digest(
            "1", self.module_key(), self.package_key(), of_files(self.root, "appliance/guest"), str(IMAGE_MIB)
        )

    def box_key(self) -> str:
        """Of the tree that is booted without QEMU."""
        guest = of_files(self.root, "appliance/guest/agent.py")
        return digest("1", self.base_key(), self.package_key(), guest, of_files(self.root, "appliance/box"))

    def image(self) -> Path | None:
        """The folder of the finished image for the project as it is now; None when it must be built."""
        return self._have("image", self.image_key())

    def box(self) -> Path | None:
        """As ``image``, of the box."""
        return self._have("box", self.box_key())

    def _have(self, sort: str, key: str) -> Path | None:
        return self.store.path(sort, key) if self.store.have(sort, key) else None

    # -- making them -----------------------------------------------------------------------------

    def build(self) -> Path:
        """The folder with disk.img, vmlinuz and initrd.img.

        Raises:
            ApplianceError: a step failed.
        """
        return self._cached("image", self.image()) or self._make("image", "mke2fs")

    def build_box(self) -> Path:
        """The folder with tree and given (packages for its tests); raises as ``build``."""
        return self._cached("box", self.box()) or self._make("box")

    def _cached(self, sort: str, place: Path | None) -> Path | None:
        if place is not None:
            say(f"{sort}: from the cache")
        return place

    def _make(self, sort: str, *programs: str) -> Path:
        need_root(f"build the {sort}")
        need("debootstrap", "unshare", *programs)
        if self.arch != architecture():
            raise ApplianceError(f"an image for {self.arch} is built on {self.arch}; this machine is {architecture()}")
        with tempfile.TemporaryDirectory(prefix="appliance-") as folder:
            # What is edited while it is built belongs to the next image.
            for name in (*PROJECT, "appliance/guest", "appliance/box"):
                copy(self.root / name, Path(folder) / name)
            return Layers(self.release, self.arch, Path(folder))._build(sort)

    def _build(self, sort: str) -> Path:
        store = self.store
        base = store.layer("base", self.base_key(), "base (Debian and its kernel)", self._base)
        builder = store.layer("builder", self.builder_key(), "builder (compilers)", self._builder)
        if sort == "box":
            package = store.layer("package", self.package_key(), "package (scripts/package)", self._package)
            say(f"from {base.name}, {builder.name}, {package.name}")
            return store.layer("box", self.box_key(), "box", self._box)
        module = store.layer("module", self.module_key(), "kernel module gpio-sim", self._module)
        package = store.layer("package", self.package_key(), "package (scripts/package)", self._package)
        say(f"from {base.name}, {builder.name}, {module.name}, {package.name}")
        return store.layer("image", self.image_key(), "image", self._image)

    def _base(self, place: Path, log: Path) -> None:
        tree = place / "tree"
        run(["debootstrap", "--variant=minbase", f"--arch={self.arch}", self.release, tree, mirror()], log)
        inside = Chroot(tree, log)
        inside.write("/etc/initramfs-tools/modules", INITRD_MODULES)
        inside.write("/etc/initramfs-tools/conf.d/appliance", INITRD_CONF)
        inside.install([*PACKAGES, KERNELS[self.arch]])

    def _builder(self, place: Path, log: Path) -> None:
        tree = self._copy(self.store.path("base", self.base_key()), place, log)
        Chroot(tree, log).install(TOOLS)

    def _copy(self, layer: Path, place: Path, log: Path) -> Path:
        tree = place / "tree"
        run(["cp", "-a", "--reflink=auto", layer / "tree", tree], log)
        return tree

    def _module(self, place: Path, log: Path) -> None:
        """gpio-sim is not enabled in Debian's kernel; it is built from Debian's own source of that kernel."""
        builder = self.store.path("builder", self.builder_key()) / "tree"
        kernel = kernel_of(self.store.path("base", self.base_key()) / "tree")
        inside = Chroot(builder, log, {self.root / "appliance/guest/gpio-sim": "/mnt/recipe", place: "/mnt/out"})
        series = ".".join(kernel.split(".")[:2])
        inside.install([f"linux-headers-{kernel}", f"linux-source-{series}"])
        inside.run("sh", "/mnt/recipe/build.sh", kernel, series, "/mnt/out")

    def _package(self, place: Path, log: Path) -> None:
        builder = self.store.path("builder", self.builder_key()) / "tree"
        source = builder / "src" / "kioskd"
        # The environment of the last build stays: scripts/setup sees whether it still serves.
        source.mkdir(parents=True, exist_ok=True)
        for old in source.iterdir():
            if old.name != ".venv":
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        for name in PROJECT:
            copy(self.root / name, source / name)
        inside = Chroot(builder, log, {place: "/mnt/out"})
        inside.run("sh", "-c", "cd /src/kioskd && scripts/package --out /mnt/out")
        if len(list(place.glob("*.deb"))) != 1:
            raise ApplianceError(f"scripts/package left no package in {place}; see {log}")

    def _image(self, place: Path, log: Path) -> None:
        tree = self._copy(self.store.path("base", self.base_key()), place, log)
        kernel = kernel_of(tree)
        package = self.store.path("package", self.package_key())
        module = self.store.path("module", self.module_key())
        binds = {package: "/mnt/package", module: "/mnt/module", self.root / "appliance/guest": "/mnt/guest"}
        inside = Chroot(tree, log, binds)
        inside.run("sh", "/mnt/guest/install.sh", kernel)
        for name, boot in (("vmlinuz", f"vmlinuz-{kernel}"), ("initrd.img", f"initrd.img-{kernel}")):
            shutil.copyfile(tree / "boot" / boot, place / name)
        disk = place / "disk.img"
        run(["mke2fs", "-q", "-t", "ext4", "-L", "kiosk", "-d", tree, disk, f"{IMAGE_MIB}M"], log)
        shutil.rmtree(tree)
        shutil.copyfile(next(package.glob("*.deb")), place / "kioskd.deb")

    def _box(self, place: Path, log: Path) -> None:
        tree = self._copy(self.store.path("base", self.base_key()), place, log)
        package = self.store.path("package", self.package_key())
        binds = {package: "/mnt/package", place: "/mnt/out"}
        for name in ("guest", "box"):
            binds[self.root / "appliance" / name] = f"/mnt/{name}"
        Chroot(tree, log, binds).run("sh", "/mnt/box/install.sh")


def copy(here: Path, there: Path) -> None:
    """A file or a folder of the project, without what Python leaves behind."""
    there.parent.mkdir(parents=True, exist_ok=True)
    if here.is_dir():
        shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(here, there)


def kernel_of(tree: Path) -> str:
    """Which kernel the tree has.

    Raises:
        ApplianceError: none, or several.
    """
    found = [path.name.removeprefix("vmlinuz-") for path in (tree / "boot").glob("vmlinuz-*")]
    if len(found) != 1:
        raise ApplianceError(f"the base should have one kernel and has {', '.join(found) or 'none'}")
    return found[0]
