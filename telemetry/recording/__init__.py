"""Recording: sources and sinks, the loops of samples and of physics steps, rotation, markers, retention."""
