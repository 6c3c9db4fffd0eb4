# The public names, and where each lives: read by type checkers, and by __init__.py.
from catclf.dataset import Dataset as Dataset
from catclf.dataset import open_dataset as open_dataset
from catclf.errors import CatclfError as CatclfError
from catclf.errors import CatclfWarning as CatclfWarning
from catclf.errors import ClusterError as ClusterError
from catclf.errors import DatasetError as DatasetError
from catclf.errors import DivergenceError as DivergenceError
from catclf.errors import ModelError as ModelError
from catclf.errors import PictureError as PictureError
from catclf.features import Preprocessing as Preprocessing
from catclf.model import Model as Model
from catclf.model import load_model as load_model
from catclf.observer import Observer as Observer
from catclf.operations.benchmarking import benchmark as benchmark
from catclf.operations.evaluation import compare as compare
from catclf.operations.evaluation import evaluate as evaluate
from catclf.operations.inspection import info as info
from catclf.operations.prediction import predict as predict
from catclf.operations.preparation import prepare as prepare
from catclf.operations.reporting import report as report
from catclf.operations.search import Search as Search
from catclf.operations.training import train as train
from catclf.operations.tuning import tune as tune
from catclf.pictures.reading import read_picture as read_picture
from catclf.training import Settings as Settings
from catclf.training import Training as Training

__version__: str
