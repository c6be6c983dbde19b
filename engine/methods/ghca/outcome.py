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
class Voice:
    """The members after one stage, and how much their predictions count."""

    stage: str
    """Name of the stage."""
    checkpoint: Checkpoint
    weight: float
    """From 0 to 1; those of all voices have a sum of one."""


@dataclass(frozen=True)
class Outcome:
    """What the model is built from."""

    voices: tuple[Voice, ...]
    """The last stage first."""
    target: TargetData
    distilled: Checkpoint | None = None
    """The small network; None where it is not wanted or would do harm."""

    @property
    def members(self) -> Checkpoint:
        """The members after the last stage."""
        return self.voices[0].checkpoint

    def joint(self, context: FitContext, tensors: SeriesTensors) -> np.ndarray:
        """Mean prediction of the members after all stages by their weight, under equal class shares.

        Parameters
        ----------
        context : FitContext
            The fit.
        tensors : SeriesTensors
            Series.

        Returns
        -------
        ndarray (n, k)
            Probabilities.
        """
        predicted = [v.weight * context.member_probabilities(v.checkpoint, tensors).mean(axis=0) for v in self.voices]
        return np.sum(predicted, axis=0)


def build_model(context: FitContext, outcome: Outcome, joint: np.ndarray) -> TrainedModel:
    """Build the model from the small network, or else from the member that agrees best with all voices.

    Parameters
    ----------
    context : FitContext
        The fit.
    outcome : Outcome
        The members, the small network and the target.
    joint : ndarray (n, k)
        Predictions of all voices for the target.

    Returns
    -------
    TrainedModel
        Under the class shares of the target.
    """
    request, domain, members = context.request, context.domain, outcome.members
    preprocessing, small = outcome.target.preprocessing, outcome.distilled
    tensors, decided = outcome.target.tensors(context), joint.argmax(axis=1)
    agreement = (context.member_probabilities(members, tensors).argmax(axis=2) == decided).mean(axis=1)
    chosen, lowest = int(agreement.argmax()), round(float(agreement.min()), 4)
    network, validation = members.networks[chosen], members.validations[chosen]
    request.progress.metric("agreement_of_members", lowest)
    distilled = {}
    if small is not None:
        network, validation = small.networks[0], small.validations[0]
        own = context.member_probabilities(small, tensors)[0].argmax(axis=1)
        share = round(float((own == decided).mean()), 4)
        distilled = {"width": network.size.width, "layers": network.size.layers, "agreement": share}
        request.progress.metric("agreement_of_small_network", share)
    shares = context.named(members.shares)
    request.progress.metric("class_shares", shares)
    voices = {voice.stage: round(voice.weight, 3) for voice in outcome.voices}
    request.progress.metric("voices", voices)
    for reason in context.doubts:
        request.progress.warning(reason)
    summary = {
        "shift": preprocessing.report(),
        "statistics": preprocessing.name,
        "class_shares": shares,
        "stages": context.stages,
        "pseudo_labels": context.rounds,
        "agreement_of_members": lowest,
        "condensed": distilled,
        "voices": voices,
        "doubts": context.doubts,
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
