"""Assetto Corsa telemetry: ``uv run main.py --help``."""

from telemetry.cli import main

if __name__ == "__main__":
    main()
