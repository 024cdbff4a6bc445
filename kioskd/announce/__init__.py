"""Announcements: text that the kiosk itself speaks, and cues that are spoken."""
