"""The soak: kills, full and vanished folders, fuzz, hostile clients, the page and memory; run by ``scripts/soak``.

It stands outside the test suite, because it takes minutes and is about chance: every trial has a seed, and every
failure says how to run its trial again. One file for each thing that is tried; ``__main__`` shares out the time and
prints the table.
"""
