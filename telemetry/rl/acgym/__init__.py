"""assetto_corsa_gym's environment on any source: what its plugin inside the game would say to it."""
