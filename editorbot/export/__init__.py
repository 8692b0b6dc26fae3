"""EditList -> other programs' files."""
