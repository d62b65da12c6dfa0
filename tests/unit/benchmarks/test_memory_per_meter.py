"""Memory is weighed of the areas that are held, and of no others."""

from __future__ import annotations

from pathlib import Path

from benchmarks.child import hold
from benchmarks.memory_per_meter import narrowed
from simulator.feeds.feed import Feed
from simulator.recipe import Recipe
from simulator.simulate import simulate
from storage.sql import SqlStore


def test_what_is_held_is_what_the_narrowed_archive_knows(tmp_path: Path) -> None:
    simulate(tmp_path / "feed", Recipe(areas=2, meters_per_area=3, days=1, interval_minutes=60, seed=3))
    archive = Feed.open(tmp_path / "feed").archive
    first, second = archive.areas
    one = narrowed(archive, [first])
    assert list(one.areas) == [first]
    assert list(archive.areas) == [first, second]

    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    store = SqlStore(url)
    store.save_archive(one)
    store.close()
    told = hold(url, tmp_path / "feed", traced=False)
    assert told["meters"] == 4  # three customers and the supply meter
    assert told["rss_bytes"] > told["page_bytes"] > 0
    store = SqlStore(url)
    assert told["pages"] == len(store.load_pages(first))
    assert not store.load_pages(second)
    assert store.counters()["readings_accepted"] > 80
    assert not any(name.startswith("set_aside.unknown_meter") for name in store.counters())
    store.close()
