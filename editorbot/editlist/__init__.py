"""The contract between deciding and doing."""
