"""How good an edit is, against a known truth."""
