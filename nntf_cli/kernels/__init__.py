"""The inner loops, twice: compiled by numba, and vectorized in numpy. Plain arrays in, plain arrays out.

``compiled`` and ``vectorized`` have the same functions with the same results; ``engine`` decides which is the
quicker way to the end of this process. Of ``noise``, ``tally``, ``rules`` and ``histories`` the numpy twin is called
``vectorized_`` and says what is computed. What is in ``runs`` beside ``band_lines`` exists in numpy alone. Callers
validate, kernels only count.
"""

from nntf_cli.kernels.choice import engine

__all__ = ["engine"]
