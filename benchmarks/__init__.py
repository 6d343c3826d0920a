"""Timings of t3d against a peer or a stated bar, both sides in one run. `make bench` runs them all."""
