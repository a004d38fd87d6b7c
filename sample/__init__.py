"""What `./dev run` shows: a small shop that sends events to a real Crossdock on this machine."""
