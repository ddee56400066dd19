"""Files that a reader brings."""
