from .config import Config as Config
from .density.estimator import VAEDensity as VAEDensity
from .evaluation.evidence import log_evidence as log_evidence
from .evaluation.lower_bound import evidence_floor as evidence_floor
from .evaluation.lower_bound import nll_lower_bound as nll_lower_bound
from .evaluation.metrics import measure as measure
from .exercise.checking import check as check
from .exercise.linting.lint import lint as lint
from .model.terms import distortion as distortion
from .model.terms import elbo as elbo
from .model.terms import rate as rate
from .model.translation import translate as translate
from .model.vae import VAE as VAE
from .notebook import compute_vae_loss as compute_vae_loss
from .notebook import generate_swiss_roll as generate_swiss_roll
from .notebook import train_vae as train_vae
from .notebook import train_vae_with_visualization as train_vae_with_visualization
from .notebook import visualize_latent_space as visualize_latent_space
from .notebook import visualize_reconstructions as visualize_reconstructions
from .report.lab_frame import Lab as Lab
from .runs.evaluate import evaluate as evaluate
from .runs.evaluate import examine as examine
from .runs.run import Run as Run
from .runs.run import load as load
from .runs.training import train as train
from .training.build import build as build

__all__: list[str]
__version__: str
