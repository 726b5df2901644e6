"""Many demo cars at once: the physics of :mod:`telemetry.demo.physics` in arrays, one column for each car.

What is written here once more than there is bound to it by tests: a car of a fleet has the same bits as a car alone.
Constants stand in the modules of the single car and nowhere else.
"""
