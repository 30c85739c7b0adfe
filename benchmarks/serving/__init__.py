"""What the server does while models come and go and when it is told to stop, measured on real processes."""
