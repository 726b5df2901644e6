"""Files on a disk: locks, atomic writes, and output files that always end at a record boundary."""
