"""The learning rate of an epoch."""

from __future__ import annotations

from usvireid.config import OptimizerSettings


def learning_rate(settings: OptimizerSettings, epoch: int) -> float:
    """The rate in an epoch (counted from 1): linear warm-up, then a factor every few epochs.

    A function of the epoch alone, not of how many are planned, so that a run can be prolonged.
    """
    if epoch <= settings.warmup:
        return settings.learning_rate * epoch / (settings.warmup + 1)
    if settings.decay_after:
        reductions = sum(epoch > last for last in settings.decay_after)
    else:
        reductions = (epoch - 1) // settings.decay_every
    return settings.learning_rate * settings.decay**reductions
