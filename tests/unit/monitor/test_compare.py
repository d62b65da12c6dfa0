"""`diff` compares runs of one and the same feed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metering.errors import MeterwatchError
from monitor.compare import same_feed


def run(folder: Path, feed: dict[str, Any] | None) -> Path:
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps({"alerts": 0} | ({} if feed is None else {"feed": feed})))
    return folder


def test_runs_of_different_feeds_are_refused_with_their_names(tmp_path: Path) -> None:
    one, other = ({"name": name, "identity": identity} for name, identity in (("spring", "aa"), ("summer", "bb")))
    before = run(tmp_path / "before", one)
    same_feed(before, run(tmp_path / "after", one))
    with pytest.raises(MeterwatchError, match=r"'spring' \(aa\), .*'summer' \(bb\): compare runs of the same feed"):
        same_feed(before, run(tmp_path / "other", other))
    with pytest.raises(MeterwatchError, match="does not say which feed"):
        same_feed(before, run(tmp_path / "old", None))
    with pytest.raises(MeterwatchError, match="a RUN folder that"):
        same_feed(before, tmp_path)
