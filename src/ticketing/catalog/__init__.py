"""What the public finds: search and listings."""
