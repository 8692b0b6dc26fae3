"""Fetching of music, fits, and makers of pictures and docs: run from the checkout as ``python -m tools.NAME``."""
