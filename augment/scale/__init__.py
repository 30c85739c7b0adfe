"""Batches of any size: a step of a data pipeline, and the same on Ray and Spark. See docs/scale.md."""
