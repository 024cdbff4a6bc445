#!/bin/sh
# A command in a Debian tree: enter.sh TREE COMMAND...  In a mount namespace of its own (appliance/chroot.py).
# What it sees of the machine: processes, devices, whom pip trusts, and the folders in BINDS (HERE=THERE).
set -e
tree=$1; shift
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp"
if [ -d /etc/ssl/certs ]; then
    mkdir -p "$tree/etc/ssl/certs"
    mount --rbind /etc/ssl/certs "$tree/etc/ssl/certs"
fi
for pair in $BINDS; do
    mkdir -p "$tree${pair#*=}"
    mount --rbind "${pair%%=*}" "$tree${pair#*=}"
done
exec chroot "$tree" "$@"
