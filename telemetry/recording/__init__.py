"""Recording: interfaces of sources and sinks, the loops of samples and of physics steps, rotation, markers, retention."""
