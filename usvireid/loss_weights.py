"""The weight of a loss: a number, or steps over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator

_FORM = "write a number from 0 up, or steps [epoch, weight] such as [[1, 0.1], [41, 1]]"


class WeightStep(NamedTuple):
    """A weight from an epoch on.

    `epoch` counts from 1. With a `ramp` of r epochs the weight moves there evenly, from the one before, for the first
    step from 0, and is reached in epoch + r.
    """

    epoch: int
    weight: float
    ramp: int = 0


def _checked(value: Any) -> float | tuple[WeightStep, ...]:
    """A weight as people write it, as it is kept.

    Raises:
        ValueError: anything else; in words that follow the name of the setting.
    """
    if not isinstance(value, list | tuple):
        return _number(value)
    steps = tuple(map(_step, value))
    if not steps:
        raise ValueError(f"no steps; {_FORM}")
    if steps[0].epoch != 1:
        raise ValueError(f"the first step is of epoch {steps[0].epoch}; begin with [1, 0] if nothing is to act before")
    for one, other in pairwise(steps):
        if other.epoch <= one.epoch:
            raise ValueError(f"epoch {other.epoch} comes after epoch {one.epoch}; give the steps in their order")
        if other.epoch < one.epoch + one.ramp:
            raise ValueError(f"epoch {other.epoch} is within the ramp that begins in epoch {one.epoch}; shorten it")
    return steps


def _step(value: Any) -> WeightStep:
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        raise ValueError(f"{value!r} is no step; write [epoch, weight], or [epoch, weight, ramp]")
    epoch, weight, ramp = (*value, 0)[:3]
    if any(isinstance(number, bool) or not isinstance(number, int) for number in (epoch, ramp)):
        raise ValueError(f"{value!r}: the epoch and the ramp of a step are whole numbers")
    if epoch < 1 or ramp < 0:
        raise ValueError(f"{value!r}: epochs count from 1, and a ramp has 0 epochs or more")
    return WeightStep(epoch, _number(weight), ramp)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_FORM)
    try:
        number = float(value)  # of text too: YAML 1.1 takes 1e-3 for it
    except ValueError:
        raise ValueError(_FORM) from None
    if not 0 <= number < math.inf:
        raise ValueError(f"{value} is no weight; {_FORM}")
    return number


Weight = Annotated[float | tuple[WeightStep, ...], BeforeValidator(_checked)]
"""A weight from 0 up, or its steps, the first of epoch 1, in their order. Settings hold it; `weight_at` reads it."""


def weight_at(weight: float | Sequence[WeightStep], epoch: int) -> float:
    """A weight in an epoch (counted from 1).

    A function of the epoch alone, not of how many are planned, so that a run can be prolonged.
    """
    if isinstance(weight, float | int):
        return weight
    before = found = 0.0
    for step in weight:
        if step.epoch > epoch:
            break
        before, found = found, step.weight
        passed = epoch - step.epoch + 1
        if passed <= step.ramp:
            return before + (found - before) * passed / (step.ramp + 1)
    return found
