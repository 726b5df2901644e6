"""The live view in a terminal, and the keys pressed there."""
