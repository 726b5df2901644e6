"""Figures as images: PNG, SVG and PDF, drawn by matplotlib (extra ``plot``) without pyplot and without global state."""
