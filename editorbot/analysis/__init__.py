"""Recording -> Analysis: beats, structure, features, activity."""
