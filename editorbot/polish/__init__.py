"""Tone after arrangement."""
