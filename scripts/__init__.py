"""Commands that are run from the checkout, as ``python -m scripts.NAME``; they are not installed."""
