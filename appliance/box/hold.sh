#!/bin/sh
# Holds a box: its disk and the network outside it, for as long as somebody has the other end of standard input open:
# hold.sh TREE FOLDER. Each line "boot CONSOLE" boots it once more. Started as process 1 of namespaces of its own (processes,
# mounts, network), so whatever happens to the tester: with this process all that it began and mounted is gone.
set -eu
tree=$1 folder=$2 disk=$2/disk name=kioskd-box-$(basename "$2") boots=0 last=
mount -t tmpfs -o mode=755 box "$disk"
mkdir "$disk/upper" "$disk/work" "$disk/root" "$disk/cgroups"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
mount -t cgroup2 none "$disk/cgroups"
ip link set lo up
echo held

while read -r _ console; do
    boots=$((boots + 1))
    mkdir "$disk/cgroups/$name-$boots"
    (
        echo 0 >"$disk/cgroups/$name-$boots/cgroup.procs"
        exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup --propagation private \
            sh "$(dirname "$0")/boot.sh" "$folder" "$console"
    ) &
    last=$!
done

# unshare takes its process 1 along (--kill-child), and that one all the others.
[ -z "$last" ] || kill -KILL "$last" 2>/dev/null || true
wait
# Its processes end one by one, and a group that has one left stays.
for _ in $(seq 100); do
    find "$disk/cgroups" -mindepth 1 -depth -type d -path "*/$name-*" -exec rmdir {} \; 2>/dev/null || true
    ls -d "$disk/cgroups/$name-"* >/dev/null 2>&1 || break
    sleep 0.05
done
