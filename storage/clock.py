"""The database's own clock as an expression that each dialect spells its own way, usable as a column's default."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class DatabaseNow(FunctionElement[float]):
    """Epoch seconds (UTC) by the clock of the database."""

    type = sa.Double()
    inherit_cache = True


@compiles(DatabaseNow, "sqlite")
def _sqlite(_element: DatabaseNow, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseNow, "postgresql")
def _postgresql(_element: DatabaseNow, _compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"
