"""Labels: what a human editor did, measured from an aligned pair."""
