"""What is generated and restored of images and series, measured: `make bench-arrays`."""
