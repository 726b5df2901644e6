"""The report on the laps of a car on a track: what it says as values, and the page that shows it."""
