"""The whole line on real data, from training to a page to look at: `python -m augment.demo`."""
