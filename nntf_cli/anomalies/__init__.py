"""Classes whose samples flip together: labels -> changes -> scores of DeepTracker's rules -> what chance does not give.

``changes`` counts, in one pass over the labels, every change with how long its sample had rested before and rests
after it; ``windows`` how many samples had a full window; ``null`` says what scores chance gives; ``finding`` sets
windows and thresholds and returns the anomalies.
"""

from nntf_cli.anomalies.changes import RULES, Changes, count_changes
from nntf_cli.anomalies.finding import Anomalies, Settings, Threshold, find_anomalies

__all__ = ["RULES", "Anomalies", "Changes", "Settings", "Threshold", "count_changes", "find_anomalies"]
