"""Datasets for reinforcement learning out of recordings: one file per format, and what they share."""
