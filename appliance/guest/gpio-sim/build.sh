#!/bin/sh
# Builds gpio-sim for one of Debian's kernels from Debian's own source: build.sh KERNEL SERIES OUT
# The module and the part of the kernel that makes its interrupts become one module. irq_to_desc is not exported to
# modules; generic_handle_irq_safe does the same by number.
set -eu
kernel=$1 series=$2 out=$3
here=$(dirname "$0")
work=$(mktemp -d)
cd "$work"
top=linux-source-$series
tar -xf "/usr/src/$top.tar.xz" "$top/drivers/gpio/gpio-sim.c" "$top/drivers/gpio/gpiolib.h" \
    "$top/drivers/gpio/dev-sync-probe.c" "$top/drivers/gpio/dev-sync-probe.h" "$top/kernel/irq/irq_sim.c" 2>/dev/null || true
for file in drivers/gpio/gpio-sim.c drivers/gpio/gpiolib.h kernel/irq/irq_sim.c; do
    [ -f "$top/$file" ] || { echo "the kernel's source has no $file" >&2; exit 1; }
done
cp "$top/drivers/gpio/gpio-sim.c" gpio-sim-main.c
cp "$top/drivers/gpio/gpiolib.h" "$top/kernel/irq/irq_sim.c" .
objects="gpio-sim-main.o irq_sim.o"
if [ -f "$top/drivers/gpio/dev-sync-probe.c" ]; then
    cp "$top"/drivers/gpio/dev-sync-probe.* .
    objects="$objects dev-sync-probe.o"
fi
sed -i 's/handle_simple_irq(irq_to_desc(\([a-z]*\)))/generic_handle_irq_safe(\1)/' irq_sim.c
grep -q generic_handle_irq_safe irq_sim.c || { echo "irq_sim.c has changed: the recipe must be looked at" >&2; exit 1; }
# Its parts are modules of their own in the kernel, each with these lines; one module has them once.
for part in irq_sim.c dev-sync-probe.c; do
    [ ! -f "$part" ] || sed -i '/^MODULE_/d; /^EXPORT_SYMBOL/d' "$part"
done
printf 'obj-m := gpio-sim.o\ngpio-sim-objs := %s\n' "$objects" >Makefile
make -C "/usr/src/linux-headers-$kernel" M="$work" modules
strip --strip-debug gpio-sim.ko
cp gpio-sim.ko "$out/"
