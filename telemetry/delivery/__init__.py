"""Delivery: finished recordings of a rig go to a place that many rigs share, a folder or an object store.

``outbox.py`` remembers on the rig's disk what waits and what was delivered; ``targets.py`` puts a file into a folder or
a store, whole or not at all, under a name that follows from its content; ``contents.py`` makes the row of JSON beside
it; ``deliverer.py`` goes through what waits, and ``background.py`` does that in its own process beside a recording.
"""
