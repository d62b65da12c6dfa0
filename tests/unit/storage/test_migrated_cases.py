"""Cases that an older program stored are found by the newer one's lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from metering.handling import AlertQuery
from storage import migrate
from storage.database import Database
from storage.rows import alert_row, task_row
from storage.sql import SqlStore
from storage.tables import ALERT, INSPECTION_TASK
from tests.contracts.state_store_contract import ALERT as EXAMPLE
from tests.contracts.state_store_contract import ASSIGNED_TASK


def test_tasks_name_their_alerts_and_energy_is_ordered_after_the_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    database = Database(url)
    valued, plain = EXAMPLE, replace(EXAMPLE, alert_id="a-2", worth=None, missing_kwh=7.0)
    before = [c for c in ALERT.columns if c.name != "at_stake_kwh"]
    older = sa.table("alert", *(sa.column(c.name, c.type) for c in before))
    with database.writing() as connection:
        command.upgrade(migrate.alembic_config(connection), "0006")
        for alert in (valued, plain):
            connection.execute(sa.insert(older), {c.name: alert_row(alert)[c.name] for c in before})
        connection.execute(sa.insert(INSPECTION_TASK), task_row(ASSIGNED_TASK))
    database.close()
    store = SqlStore(url)
    page = store.alert_page(AlertQuery(order="energy", descending=False))
    assert [row.alert for row in page.rows] == [valued, plain]
    assert [row.tasks for row in page.rows] == [(ASSIGNED_TASK,), (ASSIGNED_TASK,)]
    store.close()
