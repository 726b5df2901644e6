"""What several commands share: options, stopping, progress."""
