"""What can be connected: a folder a destination, cards as data. Knows no stage."""
