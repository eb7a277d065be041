"""What became of each sample: its labels from snapshot to snapshot, summed up and put in order.

``histories`` sums up the labels of every sample, ``seriation`` orders samples so that those alike stand together.
"""

from nntf_cli.samples.histories import FIELDS, WITHOUT_TRUE, Histories, Tally, histories, labels_of
from nntf_cli.samples.seriation import MOST_OPTIMAL, seriated

__all__ = ["FIELDS", "MOST_OPTIMAL", "WITHOUT_TRUE", "Histories", "Tally", "histories", "labels_of", "seriated"]
