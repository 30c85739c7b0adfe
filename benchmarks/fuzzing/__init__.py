"""Tries to break the server: `make fuzz`. Millions of mutated inputs, each named by a seed and a number."""
