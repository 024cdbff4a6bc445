"""Hostile services, by the million frames (``scripts/fuzz``): through the real wire and the real machine."""
