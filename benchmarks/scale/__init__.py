"""How steps scale: engines beside each other, workers, memory, and what 10^11 rows would take."""
