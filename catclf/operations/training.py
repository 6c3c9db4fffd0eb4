"""What `train` does: gradient descent on a prepared dataset becomes a model file."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from catclf import __version__
from catclf.classes import warn_of_imbalance
from catclf.dataset import Dataset, open_dataset
from catclf.descent import (
    CHECKPOINT_SECONDS,
    DOUBT_ITERATIONS,
    METHODS,
    Choice,
    Problem,
    Stand,
    State,
    StateError,
    ThisMachine,
    choose,
    descend,
    round_down,
    safe_rate,
)
from catclf.errors import (
    AnyPath,
    CatclfError,
    DivergenceError,
    ModelError,
)
from catclf.files import FileKind
from catclf.model import Model
from catclf.model_file import save_model
from catclf.neighbors import Neighbors, draw_neighbors
from catclf.observer import Listener, Observer
from catclf.operations.evaluating import evaluate_models
from catclf.operations.evaluation import Evaluation
from catclf.operations.problems import (
    SharedDataset,
    problem_of,
    refuse_absent_class,
    refuse_loss,
    refuse_too_large,
)
from catclf.operations.resuming import (
    RESUME_FIX,
    refuse_missing_kernel,
    refuse_other,
    refuse_unfinished,
    to_resume,
)
from catclf.outputs import check_output
from catclf.signals import keyboard_interrupts, stopped_by_signals
from catclf.training import DEFAULT_RATE, Settings, Training

if TYPE_CHECKING:
    from distributed import Client

    from catclf.descent.cluster import ClusterSums

CREATED_BY = f"catclf {__version__}"


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model and its evaluations.

    Parameters
    ----------
    model
        The model, which holds its training.
    train, test
        Its evaluations on both splits; that on the test split is None where there is none.
    saved
        Whether the model was written: not where the training was stopped in its first half minute,
        and another model stands there.
    warnings
        What was warned of.
    """

    model: Model
    train: Evaluation
    test: Evaluation | None
    saved: bool
    warnings: list[str]

    def _repr_html_(self) -> str:
        return self.model._repr_html_() + (self.test or self.train)._repr_html_()


def train(
    dataset: AnyPath,
    output: AnyPath,
    settings: Settings | None = None,
    *,
    method: str = "auto",
    resume: bool | Model = False,
    force: bool = False,
    client: Client | None = None,
    progress: bool = False,
    observer: Observer | None = None,
) -> Trained:
    """Train on the train split of a prepared dataset, and save the model.

    Long runs also save a checkpoint every half minute. A keyboard interrupt finishes the iteration
    and saves one too, but leaves another model as it was in the first half minute.

    Parameters
    ----------
    dataset
        The prepared dataset file.
    output
        The model file to write; an old one is replaced only by a complete new one.
    settings
        The learning rate, iterations and the rest; `catclf.Settings` has the defaults. With
        `resume`, the default is the settings of the model that is resumed; so is a learning rate
        that is None.
    method
        ``auto``, ``gram``, ``streaming``, ``vectorized`` or ``iterative``.
    resume
        Resume the training of the model in `output`, or of this model, to ``settings.iterations``
        in all; begin anew where there is none. By the same method the end is the same, bit for
        bit, as without a pause.
    force
        Let a file at `output` that is no model of catclf be replaced, or one of a training that is
        not finished.
    client
        A client of a Dask cluster, whose workers then compute: each reads its part of the dataset
        by the path that `dataset` has here. The end is the same, bit for bit, as on one machine.
    progress
        Draw a progress bar, in a notebook as a widget.
    observer
        Receives warnings, which are Python's where there is none, the method and the learning rate
        that are used, every iteration and every recorded cost. Where it stops the training early a
        checkpoint is saved; not before the first half minute over another model.

    Returns
    -------
    Trained
        The model, its evaluation on the train split, that on the test split, and the warnings.

    Raises
    ------
    DatasetError
        Where the dataset cannot be used, or has one class only.
    DivergenceError
        Where a learning rate that was given is too high; the message names a safe one.
    ModelError
        With `resume`, where the old model cannot be read, or was trained otherwise; without, where
        `output` is of a training that is not finished.
    ClusterError
        Where the cluster's workers cannot be used, or its scheduler is gone.
    SettingsError
        For the loss squared-error with more than two classes.
    CatclfError
        Where `output` cannot be written, is the dataset, or is a file of another kind.
    ValueError
        For a method that is not known, or that a cluster does not compute.
    KeyboardInterrupt
        After an interrupt, when the checkpoint is saved.
    """
    if method not in ("auto", *METHODS):
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}, got {method!r}")
    if client is not None and method not in ("auto", "streaming"):
        raise ValueError(f"a cluster computes by method streaming, not {method}")
    with ExitStack() as held:
        interrupts = held.enter_context(stopped_by_signals(*keyboard_interrupts()))
        listener = held.enter_context(Listener(observer, progress, "iterations", interrupts))
        old = to_resume(resume, output, listener) if resume else None
        # A run is resumed from a model alone, which was read.
        check_output(output, FileKind.MODEL, [dataset], force=force or resume is True)
        if resume is not True and not force:
            refuse_unfinished(output)
        opened = held.enter_context(open_dataset(dataset, keep=True))
        refuse_absent_class(opened)
        before = Settings() if old is None else old.training.settings
        settings = settings or before
        if settings.learning_rate is None:
            settings = replace(settings, learning_rate=before.learning_rate)
        refuse_loss(settings, opened)
        problem = problem_of(opened, settings)
        backend: ThisMachine | ClusterSums = ThisMachine()
        if client is not None:
            from catclf.descent.cluster import ClusterSums

            shared = SharedDataset.of(opened, settings)
            backend = held.enter_context(closing(ClusterSums(client, problem, shared, listener)))
            listener.workers(backend.n_workers)
            method = "streaming"
        if old is None:
            choice = _choose(problem, method, backend, listener)
            training = _new_training(opened, settings, choice)
        else:
            refuse_other(old, opened, settings, method, output)
            training = replace(
                old.training, settings=settings, dataset=opened.path, created_by=CREATED_BY
            )
            choice = Choice(training.method, training.kernel)
            refuse_missing_kernel(backend.kernel_failure(choice.kernel), output)
        listener.method(choice.method, choice.kernel, choice.seconds)
        refuse_too_large(choice.method, problem, opened)
        if settings.class_weight == "none":
            warn_of_imbalance(opened.train.labels, opened.classes, listener)
        neighbors = None
        if opened.preprocessing.backbone is not None:
            split = opened.train
            neighbors = draw_neighbors(split.columns, split.labels, split.names)
        model_of = partial(_model_of, opened, neighbors)
        began = monotonic()
        run = partial(_run, model_of, backend, choice, output, listener)
        try:
            stand, safe = run(problem, training, None if old is None else old.state), None
        except StateError:
            raise ModelError("does not hold what is needed to resume", output, RESUME_FIX) from None
        except DivergenceError as error:
            if settings.learning_rate is not None or error.safe_rate is None:
                raise
            safe = error.safe_rate
        if safe is not None:
            listener.warning(
                f"the default learning rate {DEFAULT_RATE:g} is too high here: "
                f"restarted with {safe:g}"
            )
            settings = replace(settings, learning_rate=safe)
            training = _new_training(opened, settings, choice)
            stand = run(problem_of(opened, settings), training)
        # A run that was stopped at once is not worth the model that stands in its place.
        keeps = (
            stand.training.interrupted
            and monotonic() - began < CHECKPOINT_SECONDS
            and os.path.lexists(output)
            and not (old is not None and resume is True)
        )
        trained = _evaluated(opened, model_of(stand), listener, None if keeps else output)
    if interrupts:
        done, asked = stand.training.iterations, settings.iterations
        left = "left as it was" if keeps else "saved"
        raise KeyboardInterrupt(f"after {done} of {asked} iterations; {output} is {left}")
    return trained


def _evaluated(
    dataset: Dataset, model: Model, listener: Listener, output: AnyPath | None
) -> Trained:
    """Evaluate what was trained, save it where told, and warn where it is not surely better."""
    try:
        [on_train] = evaluate_models(dataset, [model], "train")
        on_test = evaluate_models(dataset, [model], "test")[0] if dataset.test.m else None
    except CatclfError:  # a split that is damaged by now must not cost the training
        if output is not None:
            save_model(output, model)
        raise
    assert model.training is not None
    training = replace(
        model.training,
        train_accuracy=on_train.accuracy,
        test_accuracy=None if on_test is None else on_test.accuracy,
    )
    model = replace(model, training=training)
    if output is not None:
        save_model(output, model)
    if on_test is not None and on_test.doubt is not None:
        listener.warning(on_test.doubt)
    return Trained(model, on_train, on_test, output is not None, listener.warnings)


def _choose(
    problem: Problem, method: str, backend: ThisMachine | ClusterSums, observer: Observer
) -> Choice:
    """Choose a method, where it is auto, and a kernel that can be loaded where it computes."""
    m, n_x, iterations = problem.m // backend.n_workers, problem.n_x, problem.settings.iterations
    m_test = 0 if problem.test is None else problem.test.m
    kernels = backend.installed_kernels()
    of = partial(choose, m, n_x, iterations, m_test, k=problem.k, method=method)
    choice = of(kernels=kernels)
    if (failure := backend.kernel_failure(choice.kernel)) is not None:
        observer.warning(f"numba cannot be loaded ({failure}): training goes on without it")
        choice = of(kernels=[kernel for kernel in kernels if kernel != choice.kernel])
    return choice


def _new_training(dataset: Dataset, settings: Settings, choice: Choice) -> Training:
    return Training(
        settings,
        choice.method,
        choice.kernel,
        dataset=dataset.path,
        digest=dataset.digest,
        train_examples=dataset.train.m,
        test_examples=dataset.test.m,
        created_by=CREATED_BY,
    )


def _model_of(dataset: Dataset, neighbors: Neighbors | None, stand: Stand) -> Model:
    training = stand.training
    if not training.interrupted and training.iterations > DOUBT_ITERATIONS:
        # Before, a default rate may be mended yet, when the run is resumed.
        training = replace(training, settings=training.settings.resolved())
    return Model(stand.w, stand.b, dataset.classes, dataset.preprocessing, training, neighbors)


def _run(
    model_of: Callable[[Stand], Model],
    backend: ThisMachine | ClusterSums,
    choice: Choice,
    output: AnyPath,
    observer: Observer,
    problem: Problem,
    training: Training,
    state: State | None = None,
) -> Stand:
    """Run a descent, with checkpoints; an error tells of them, or names a safe learning rate."""
    saved = 0

    def checkpoint(stand: Stand) -> None:
        nonlocal saved
        save_model(output, model_of(stand))
        saved = stand.training.iterations

    observer.learning_rate(training.settings.rate)
    started = backend.start(choice, problem, state)
    try:
        return descend(started, training, observer=observer, checkpoint=checkpoint)
    except DivergenceError as error:
        error.safe_rate = round_down(started.safe_rate() or safe_rate(problem))
        use = "Train anew with" if training.iterations else "Use"
        error.fix = f"{use} `learning_rate` {error.safe_rate:g} or less: the cost then never rises."
        raise
    except CatclfError as error:
        if saved:
            fix = "" if error.fix is None else f"{error.fix}\n"
            error.fix = f"{fix}A checkpoint of {saved} iterations is saved: use `resume`."
        raise
