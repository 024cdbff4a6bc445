#!/bin/sh
# Boots a box: boot.sh FOLDER CONSOLE. Process 1 of all its namespaces; the tree becomes its root, systemd its process 1.
# systemd is told that this is a container (systemd.io/CONTAINER_INTERFACE): what belongs to the machine can be read, and not
# be changed.
set -eu
folder=$1 console=$2 root=$1/disk/root
# Still the machine's own /proc: this is the number by which the tester knows this process.
read -r pid _ </proc/self/stat
cat /proc/sys/kernel/random/uuid >"$folder/disk/boot_id"

mount --bind "$root" "$root"
cd "$root"
mount -t proc -o nosuid,nodev,noexec proc proc
for name in sys sysrq-trigger irq bus; do
    [ -e "proc/$name" ] || continue
    mount --bind "proc/$name" "proc/$name"
    mount -o remount,bind,ro "proc/$name"
done
# The journal tells boots apart by it.
mount --bind "$folder/disk/boot_id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o nosuid,nodev,mode=755 run run
mount -t tmpfs -o nosuid,noexec,mode=755 dev dev
for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
: >dev/console
mount --bind "$console" dev/console
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o nosuid,nodev shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for pair in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${pair%:*}" "dev/${pair#*:}"; done
if [ -d "$folder/given" ]; then
    mkdir -p var/cache/appliance
    mount --bind "$folder/given" var/cache/appliance
    mount -o remount,bind,ro var/cache/appliance
fi
hostname kiosk
ip link set lo up
echo "$pid" >"$folder/pid"

pivot_root . .
umount -l .
mount --make-rshared /
# The machine's clock, modules, ports and log are nobody's in here.
exec setpriv --bounding-set -sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm,-block_suspend,-mac_admin,-mac_override \
    env -i container=kioskd-box PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/lib/systemd/systemd --show-status=false </dev/null >/dev/console 2>&1
