"""Imputing, denoising and interpolating of rows held out of training, beside what else fills gaps."""
