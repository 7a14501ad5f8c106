from .analysis.comparisons import paired_difference as paired_difference
from .analysis.conclusions import conclusions as conclusions
from .analysis.paired_test import Interval as Interval
from .analysis.paired_test import PairedDifference as PairedDifference
from .analysis.results import Table as Table
from .analysis.results import read_table as read_table
from .plan import Sweep as Sweep
from .plan import read_sweep as read_sweep
