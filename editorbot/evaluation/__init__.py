"""Scores edits against a known truth."""
