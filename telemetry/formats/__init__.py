"""File formats: one file or folder per format, reading and writing."""
