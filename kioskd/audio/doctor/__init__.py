"""What the doctor plays, hears and finds out about the room: from a sweep to a verdict."""
