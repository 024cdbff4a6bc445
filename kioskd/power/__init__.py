"""The supply: an ignition or power-good line, brown-out and throttling, and switching the machine off."""
