"""What a fit of GHCA ends with: the target's preprocessing, the members, and the model built from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...models.trained import TrainedModel
from ..shared.source_only import assemble
from ..shared.tensors import SeriesTensors, make_tensors
from .context import Checkpoint, FitContext
from .target_preprocessing import TargetPreprocessing


@dataclass(frozen=True)
class TargetData:
    """The target pixels in use, with their preprocessing."""

    values: np.ndarray
    """(n, t, c) series in the units of the stack."""
    day: np.ndarray
    """(t,) days on the source's calendar."""
    preprocessing: TargetPreprocessing

    def tensors(self, context: FitContext) -> SeriesTensors:
        """The series as the networks read them.

        Parameters
        ----------
        context : FitContext
            With the source's calendar.

        Returns
        -------
        SeriesTensors
            On the device of the networks.
        """
        statistics, calendar = self.preprocessing.statistics, context.domain.calendar
        return make_tensors(self.values, self.day, statistics, calendar, context.domain.tensors.values.device)


@dataclass(frozen=True)
class Outcome:
    """What the model is built from."""

    members: Checkpoint
    target: TargetData
    distilled: Checkpoint | None = None
    """The small network; None where it is not wanted or would do harm."""


def build_model(context: FitContext, outcome: Outcome, probabilities: np.ndarray) -> TrainedModel:
    """Build the model from the small network, or else from the member that agrees best with all members.

    Parameters
    ----------
    context : FitContext
        The fit.
    outcome : Outcome
        The members, the small network and the target.
    probabilities : ndarray (m, n, k)
        Predictions of the members for the target.

    Returns
    -------
    TrainedModel
        Under the class shares of the target.
    """
    request, domain, members = context.request, context.domain, outcome.members
    preprocessing, small = outcome.target.preprocessing, outcome.distilled
    joint = probabilities.mean(axis=0).argmax(axis=1)
    agreement = (probabilities.argmax(axis=2) == joint).mean(axis=1)
    chosen, lowest = int(agreement.argmax()), round(float(agreement.min()), 4)
    network, validation = members.networks[chosen], members.validations[chosen]
    request.progress.metric("agreement_of_members", lowest)
    distilled = {}
    if small is not None:
        network, validation = small.networks[0], small.validations[0]
        own = context.member_probabilities(small, outcome.target.tensors(context))[0].argmax(axis=1)
        share = round(float((own == joint).mean()), 4)
        distilled = {"width": network.size.width, "layers": network.size.layers, "agreement": share}
        request.progress.metric("agreement_of_small_network", share)
    shares = context.named(members.shares)
    request.progress.metric("class_shares", shares)
    request.progress.metric("vetoes", context.vetoes)
    summary = {
        "shift": preprocessing.report(),
        "statistics": preprocessing.name,
        "class_shares": shares,
        "stages": context.stages,
        "pseudo_labels": context.rounds,
        "agreement_of_members": lowest,
        "condensed": distilled,
        "vetoes": context.vetoes,
    }
    log_shares = context.settings.prior_strength * np.log(members.shares * domain.classes)
    return assemble(
        network,
        domain,
        request,
        validation,
        summary,
        statistics=preprocessing.statistics,
        shift_days=preprocessing.shift,
        log_shares=log_shares,
    )
