#!/bin/sh
# A USB sound card that can be pulled out: usb.sh plug|pull. Both ends of the cable are in this machine (dummy_hcd): the
# card that the kiosk uses, and the gadget's own, "UAC2Gadget", where the tester plays and listens.
set -eu
gadget=/sys/kernel/config/usb_gadget/card
case $1 in
    plug)
        if [ ! -d "$gadget" ]; then
            modprobe dummy_hcd
            modprobe usb_f_uac2
            mkdir -p "$gadget/strings/0x409" "$gadget/configs/c.1" "$gadget/functions/uac2.0"
            echo 0x1d6b >"$gadget/idVendor"
            echo 0x0101 >"$gadget/idProduct"
            echo Kiosk >"$gadget/strings/0x409/product"
            for end in c p; do
                echo 3 >"$gadget/functions/uac2.0/${end}_chmask"
                echo 48000 >"$gadget/functions/uac2.0/${end}_srate"
                echo 2 >"$gadget/functions/uac2.0/${end}_ssize"
            done
            ln -s "$gadget/functions/uac2.0" "$gadget/configs/c.1/"
        fi
        ls /sys/class/udc | head -n 1 >"$gadget/UDC"
        ;;
    pull) echo >"$gadget/UDC" ;;
    *) echo "usb.sh plug|pull" >&2; exit 64 ;;
esac
