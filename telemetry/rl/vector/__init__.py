"""The vector environment: many demo cars, stepped together; see :class:`telemetry.rl.vector.env.DriveVectorEnv`.

Observations, rewards and ends are those of the one specification, applied to all cars at once.
"""
