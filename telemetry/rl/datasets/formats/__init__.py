"""Dataset formats: one exporter per file."""
