"""What kioskd costs and how quick it is, measured: ``python -m benchmarks [NAME ...] [--json] [--list]``."""
