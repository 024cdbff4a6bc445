"""GPIO lines behind one port: gpiozero over lgpio, over libgpiod 2, or simulated."""
