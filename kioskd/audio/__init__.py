"""Microphone and speaker: threads that never make the loop wait, over ports that can be a card or a file."""
