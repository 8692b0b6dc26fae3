"""EditList + Recording -> audio."""
