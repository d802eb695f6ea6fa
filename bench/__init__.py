"""Measurements, never assertions: numbers of one machine, and ratios to something that everybody knows."""
