from .errors import FolderTakenError as FolderTakenError
from .errors import LockedError as LockedError
from .errors import RunError as RunError
from .fit_prior import repair as repair
from .run import Run as Run
from .run import create as create
from .run import load as load
from .train import advance as advance
