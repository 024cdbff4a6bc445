"""The hands: relay, sensor, staff, and the ledger that makes each of them happen at most once."""
