"""EditList + Analysis -> one HTML page."""
