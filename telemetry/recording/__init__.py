"""Recording: from a source to sinks and files.

``interfaces`` declares sources, sinks and what passes between them, ``game_state`` the states of a game. Two loops
record: ``sample_recorder`` samples at any rate (``api`` is its short form), ``step_recorder`` every physics step. Both
end by the rule in ``stop``, count in ``stats`` and write through ``background_writer``. Steps go to the files of
``step_writer`` and ``rotation``, named by ``file_names``, thinned by ``filters``; ``lap_tracker`` follows their laps.
``markers`` receives markers of other terminals, ``retention`` deletes old files.
"""
