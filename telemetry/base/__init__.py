"""What every room may use, and nothing of the game: the ground floor.

``errors`` and ``checks`` say what may go wrong, and in which words. ``clock`` is the only module that sleeps. ``text``
formats values for people, ``units`` has the physics step. ``ports``, ``version``, ``extras`` and ``lazy`` are about
the process and its imports, ``storage/`` about locks, atomic writes and output files.
"""
