"""A track: its course, borders and walls, projection onto it, and the game's own files about it."""
