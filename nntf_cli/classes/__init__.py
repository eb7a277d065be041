"""What happens to each class while a classifier trains: errors, sizes, arrivals and departures, confusions.

``tally`` counts all of it in one pass over the labels; ``clusters`` puts classes in order, and those that evolve alike
together; ``confusion`` says which classes are taken for which. After the Validation View of DeepTracker: Liu et al.,
"DeepTracker: Visualizing the Training Process of Convolutional Neural Networks", ACM Transactions on Intelligent
Systems and Technology 10(1), 2018.
"""

from nntf_cli.classes.clusters import ORDERS, cluster_classes, order_classes
from nntf_cli.classes.confusion import Confusion, confusion
from nntf_cli.classes.tally import MEASURES, NEED_TRUE, ClassTally, tally

__all__ = [
    "MEASURES",
    "NEED_TRUE",
    "ORDERS",
    "ClassTally",
    "Confusion",
    "confusion",
    "cluster_classes",
    "order_classes",
    "tally",
]
