"""The appliance itself on a plain machine: a Debian image with the package in it, booted under QEMU and tested."""
