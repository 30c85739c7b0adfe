"""Where a model is, here or at a server: both are asked alike, and answer alike. Each is imported alone."""
