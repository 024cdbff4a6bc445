"""What the owner sees: the journal, the timeline, systemd, the control sockets."""
