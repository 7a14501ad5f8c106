from .page import write_report as write_report
from .scene import Scene as Scene
