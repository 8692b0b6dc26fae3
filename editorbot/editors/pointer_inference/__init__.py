"""What the pointer editor is made of: decoding, and reading its weights."""
