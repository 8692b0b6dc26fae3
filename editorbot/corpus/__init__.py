"""What is learned from: pairs of raw recording and edit, and where every moment of an edit came from."""
