"""The policy's tests under their original name."""
