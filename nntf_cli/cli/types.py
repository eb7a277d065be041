"""Small click types: a bad value fails at parsing, with the option's name."""

from __future__ import annotations

import math
from typing import Any

import click


class RangeType(click.ParamType):
    """``LO:HI``, two finite numbers, LO below HI."""

    name = "LO:HI"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return (LO, HI)."""
        if isinstance(value, tuple):
            return value
        try:
            lo, hi = map(float, str(value).split(":"))
        except ValueError:
            self.fail(f"{value!r} is not two numbers LO:HI, for instance 0.05:0.10", param, ctx)
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            self.fail(f"{value!r}: LO must be below HI, and both finite", param, ctx)
        return lo, hi


class NumberType(click.FloatRange):
    """A finite number in a range: nan is in none, but click lets it pass, and inf where there is no upper end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class BandWidthType(click.ParamType):
    """A width whose reciprocal is a whole number: 0.05, 0.1, 1/3."""

    name = "WIDTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the width as it was written, for exact arithmetic later."""
        from fractions import Fraction

        try:
            width = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is not a number, for instance 0.05", param, ctx)
        if width <= 0 or (1 / width).denominator != 1 or width < Fraction(1, 1000):
            self.fail(
                f"{value!r}: 1 / width must be a whole number up to 1000, for instance 0.05 for 20 bands", param, ctx
            )
        return str(value)


class WindowsType(click.ParamType):
    """``W`` or ``W:STEP``: whole numbers, W from 2 on, STEP from 1 on."""

    name = "W[:STEP]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return (W, STEP)."""
        if isinstance(value, tuple):
            return value
        try:
            width, *step = map(int, str(value).split(":"))
        except ValueError:
            self.fail(f"{value!r} is not W or W:STEP, for instance 20 or 20:5", param, ctx)
        if len(step) > 1 or width < 2 or (step and step[0] < 1):
            self.fail(f"{value!r}: W is a whole number from 2 on, and STEP one from 1 on", param, ctx)
        return width, step[0] if step else 1


class StepsType(click.ParamType):
    """``STEP`` or ``FROM:TO``: whole numbers, FROM before TO."""

    name = "STEP|FROM:TO"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return (STEP,) or (FROM, TO)."""
        if isinstance(value, tuple):
            return value
        try:
            steps = tuple(map(int, str(value).split(":")))
        except ValueError:
            self.fail(f"{value!r} is not STEP or FROM:TO, for instance 50 or 40:50", param, ctx)
        if len(steps) > 2 or steps[0] >= steps[-1] and len(steps) == 2:
            self.fail(f"{value!r}: FROM:TO are two steps, FROM before TO", param, ctx)
        if any(abs(step) >= 2**63 for step in steps):
            self.fail(f"{value!r}: no step is so large", param, ctx)
        return steps


class ListType(click.ParamType):
    """Values of another type separated by commas; none may be empty or stand twice."""

    def __init__(self, item: click.ParamType, name: str) -> None:
        self._item, self.name = item, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Return the values in the order given."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if "" in parts:
            self.fail(f"{value!r} has an empty part", param, ctx)
        if len(set(parts)) < len(parts):
            self.fail(f"{value!r} names one twice", param, ctx)
        return tuple(self._item.convert(part, param, ctx) for part in parts)


class SizeType(click.ParamType):
    """An amount of memory: 600M, 2G, 1.5GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it in bytes."""
        from nntf_cli.errors import ParameterError
        from nntf_cli.memory import parse_size

        if isinstance(value, (int, float)):
            return float(value)
        try:
            return parse_size(str(value))
        except ParameterError as error:
            self.fail(error.cause, param, ctx)


class ThresholdType(click.ParamType):
    """A number of samples, or a share of them: 20, 5%."""

    name = "N|P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, bool]:
        """Return (number, whether it is percent)."""
        if isinstance(value, tuple):
            return value
        text = str(value).strip()
        percent = text.endswith("%")
        try:
            number = float(text.removesuffix("%")) if percent else int(text)
        except ValueError:
            self.fail(f"{value!r} is not a number of samples or of percent, for instance 20 or 5%", param, ctx)
        if not 0 <= number <= (100 if percent else 2**32):
            self.fail(f"{value!r} is out of range", param, ctx)
        return number, percent
