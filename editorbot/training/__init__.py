"""How we learn: one file a method."""
