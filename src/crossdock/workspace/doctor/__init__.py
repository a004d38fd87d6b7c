"""`crossdock doctor`: looks at everything that can be wrong here, and says what to do about it."""
