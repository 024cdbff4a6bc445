#!/bin/sh
# Makes the appliance of a plain Debian tree, inside it: install.sh KERNEL
# The package is installed as an owner installs it; what follows plays the hardware, and listens to the tester.
set -eu
kernel=$1
guest=$(dirname "$0")

apt-get update -q
apt-get install -q -y --no-install-recommends /mnt/package/kioskd_*.deb
# The tester's: tests of the project that want this kernel are run here. The product's environment never sees it.
apt-get install -q -y --no-install-recommends python3-pytest
apt-get clean
# For the tests of upgrades: the same one, and one that calls itself newer. Not compressed: unpacking costs minutes there.
mkdir -p /var/cache/appliance
work=$(mktemp -d)
dpkg-deb -R /mnt/package/kioskd_*.deb "$work/kioskd"
dpkg-deb -Znone -b "$work/kioskd" /var/cache/appliance/kioskd.deb
sed -i 's/^Version: .*/&+next1/' "$work/kioskd/DEBIAN/control"
dpkg-deb -Znone -b "$work/kioskd" /var/cache/appliance/kioskd-next.deb
rm -r "$work"

# The hardware: a sound card that hears itself, a GPIO chip with the label of a Raspberry Pi's.
install -D -m 644 /mnt/module/gpio-sim.ko "/lib/modules/$kernel/extra/gpio-sim.ko"
depmod "$kernel"
printf 'snd-aloop\ngpio-sim\nvirtio_console\n' >/etc/modules-load.d/appliance.conf
printf 'options snd-aloop id=Loopback pcm_substreams=1\n' >/etc/modprobe.d/appliance.conf
install -D -m 755 -t /usr/local/lib/appliance "$guest/agent.py" "$guest/board.sh" "$guest/lines.py" "$guest/calibrate.py" "$guest/usb.sh"
install -m 644 -t /etc/systemd/system "$guest/appliance-agent.service" "$guest/appliance-board.service"

# The owner's part: one file, and two units.
install -m 640 -o root -g kioskd "$guest/kioskd.yaml" /etc/kioskd/kioskd.yaml
systemctl enable kioskd.service kioskd-voice.socket appliance-agent.service appliance-board.service
systemctl disable ssh.service

# A machine of its own, whose console needs no password.
echo kiosk >/etc/hostname
printf '127.0.0.1 localhost kiosk\n::1 localhost\n' >/etc/hosts
printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >/etc/fstab
mkdir -p /etc/systemd/system/serial-getty@.service.d
printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 %%I linux\n' \
    >/etc/systemd/system/serial-getty@.service.d/appliance.conf
passwd -d root >/dev/null
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >/etc/systemd/journald.conf.d/appliance.conf
# Nothing that wakes up in the middle of a test.
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer getty@tty1.service \
    systemd-logind.service systemd-binfmt.service alsa-restore.service systemd-tmpfiles-clean.timer \
    e2scrub_reap.service modprobe@efi_pstore.service modprobe@drm.service modprobe@fuse.service
# One kernel log line and some seconds of emulation less.
mkdir -p /etc/systemd/system-generators
ln -sf /dev/null /etc/systemd/system-generators/systemd-ssh-generator
systemd-machine-id-setup
# It was updated: what a first boot does (caches of the linker, of the journal's catalog) is done here and not there.
journalctl --update-catalog
touch -d "@$(($(date +%s) + 1))" /etc/.updated /var/.updated
