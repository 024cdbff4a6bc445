"""Commands that try to break the door: kills at every write, and sequences of events that nobody would think of."""
