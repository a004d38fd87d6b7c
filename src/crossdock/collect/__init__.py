"""Stage 1: takes events over HTTP in Segment's shape and keeps them in the inbox before it says
200. Never decodes more than it needs and never asks the control plane."""
