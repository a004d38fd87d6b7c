"""Crash trials: processes die at random under load; what was acknowledged must all be there."""
