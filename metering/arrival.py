"""One rule for what a value on the wire or in a file means: a number, null, not a number, or of the wrong type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metering.readings import SetAside

#: How infinities and NaN are written where the format has no word for them (JSON, CSV).
NOT_A_NUMBER_WORDS = frozenset({"nan", "+nan", "-nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})


def read_column(values: Sequence[object]) -> tuple[NDArray[np.float64], dict[int, SetAside], dict[int, str]]:
    """Values as they came -> (float64 column with NaN for null and for faults, fault by row, offending text by row).

    >>> column, faults, raw = read_column([1.5, None, "NaN", "abc", True])
    >>> column.tolist(), {k: v.value for k, v in faults.items()}, raw
    ([1.5, nan, nan, nan, nan], {2: 'not_a_number', 3: 'type', 4: 'type'}, {2: 'NaN', 3: 'abc', 4: 'True'})
    """
    column = np.full(len(values), np.nan)
    faults: dict[int, SetAside] = {}
    raw: dict[int, str] = {}
    for row, value in enumerate(values):
        if value is None:
            continue
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                column[row] = number
            else:
                faults[row], raw[row] = SetAside.NOT_A_NUMBER, str(value)
        elif isinstance(value, str) and value.strip().lower() in NOT_A_NUMBER_WORDS:
            faults[row], raw[row] = SetAside.NOT_A_NUMBER, value
        else:
            faults[row], raw[row] = SetAside.TYPE, str(value)
    return column, faults, raw
