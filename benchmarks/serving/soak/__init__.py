"""Hours among clients that crash, dawdle, cancel and lie: `python -m serving.soak`."""
