"""kioskd: a voice kiosk daemon that listens, answers and opens a door."""

__version__ = "0.1.0"
