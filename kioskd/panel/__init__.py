"""The panel: talk button, mute switch, lamp."""
