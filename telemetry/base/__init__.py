"""What every room may use: errors, the clock, texts, optional packages, and storage."""
