"""What augmentation does for classifiers of few and imbalanced rows: `python -m utility`."""
