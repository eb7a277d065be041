"""Training fingerprints of classifiers, from predicted labels alone."""

__version__ = "0.1.0"
