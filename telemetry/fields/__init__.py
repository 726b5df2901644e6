"""What a moment is: the declaration of every field, snapshots, derived values, and their text form."""
