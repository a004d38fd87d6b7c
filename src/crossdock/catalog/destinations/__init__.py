"""A folder a destination: its card (data), how to build a request and read a response."""
