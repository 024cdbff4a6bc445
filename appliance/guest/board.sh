#!/bin/sh
# One chip with 28 lines and the label of a Raspberry Pi 4's: kioskd finds GPIO17 on it as on the real one.
set -eu
chip=/sys/kernel/config/gpio-sim/board
[ ! -d "$chip" ] || exit 0
mkdir -p "$chip/bank0"
echo 28 >"$chip/bank0/num_lines"
echo pinctrl-bcm2711 >"$chip/bank0/label"
echo 1 >"$chip/live"
# udev gives the chip to the group gpio (60-kioskd-gpio.rules); on a real board that happened before anything was started.
for _ in $(seq 300); do
    [ "$(stat -c %G /dev/gpiochip0 2>/dev/null)" != gpio ] || exit 0
    sleep 0.1
done
echo "udev did not give /dev/gpiochip0 to the group gpio" >&2
exit 1
