"""One fingerprint, or many, on an existing dask.distributed cluster; the same bytes as on one machine.

What is divided adds up in integers: the moves between snapshots over blocks of labels, Σ|δ_i - δ_j| over ranges of
classes. ``tasks`` is what workers run, ``plan`` how work is cut, ``connection`` how it gets there and what can go
wrong on the way, ``cluster`` puts them together. dask is imported inside functions only: it is an extra.
"""

from nntf_cli.distributed.cluster import Cluster

__all__ = ["Cluster"]
