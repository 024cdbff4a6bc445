#!/bin/sh
# Makes the box of a plain Debian tree, inside it, and in /mnt/out/given the packages that its tests install.
# The package is installed as an owner installs it; polkitd is what lets the kiosk switch the machine off.
set -eu
here=$(dirname "$0")

apt-get update -q
apt-get install -q -y --no-install-recommends polkitd /mnt/package/kioskd_*.deb
apt-get clean

# version FOLDER VERSION: packs it once more, and calls it that. Quick to unpack, and not large.
given=/mnt/out/given release=$(. /etc/os-release && echo "$ID$VERSION_ID") arch=$(dpkg --print-architecture)
version() {
    sed -i "s/^Version: .*/Version: $2~$release/" "$1/DEBIAN/control"
    dpkg-deb -Zgzip -z1 -b "$1" "$given/kioskd_$2~${release}_$arch.deb"
}
mkdir -p "$given"
cp /mnt/package/kioskd_*.deb "$given/"
work=$(mktemp -d)
dpkg-deb -R /mnt/package/kioskd_*.deb "$work/kioskd"
version "$work/kioskd" 0.0.9
# A later one has another kioskd.yaml, ...
echo '# A line of a later version.' >>"$work/kioskd/etc/kioskd/kioskd.yaml"
version "$work/kioskd" 9.0.0
# ... and one after that has a service that does not start, though its commands do.
sed -i 's|^ExecStart=.*|ExecStart=/bin/false|' "$work/kioskd/usr/lib/systemd/system/kioskd.service"
version "$work/kioskd" 9.9.0
rm -r "$work"

install -D -m 755 -t /usr/local/lib/appliance /mnt/guest/agent.py "$here/listen.py"
install -m 644 -t /etc/systemd/system "$here/appliance-agent.service"
install -m 640 -o root -g kioskd "$here/kioskd.yaml" /etc/kioskd/kioskd.yaml
systemctl enable kioskd.service kioskd-voice.socket appliance-agent.service
systemctl disable ssh.service ssh.socket

# A visitor: one sentence every three seconds, for ten minutes.
install -d /usr/local/share/appliance
espeak-ng -v en-us -s 145 -w "$work.wav" "turn on the light"
python3 - "$work.wav" /usr/local/share/appliance/visitor.wav <<'PYTHON'
import sys, wave
with wave.open(sys.argv[1]) as said, wave.open(sys.argv[2], "wb") as out:
    out.setparams(said.getparams())
    once = said.readframes(said.getnframes())
    out.writeframes(once.ljust(3 * 2 * said.getframerate(), b"\0") * 200)
PYTHON
rm "$work.wav"

echo kiosk >/etc/hostname
printf '127.0.0.1 localhost kiosk\n::1 localhost\n' >/etc/hosts
: >/etc/fstab
# Nothing that wakes up in the middle of a test, and nobody at the console.
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
    systemd-tmpfiles-clean.timer e2scrub_reap.service console-getty.service getty@tty1.service getty.target
systemd-machine-id-setup
# It was updated: what a first boot does is done here and not there.
journalctl --update-catalog
touch -d "@$(($(date +%s) + 1))" /etc/.updated /var/.updated
