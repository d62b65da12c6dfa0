"""People's acts on an alert: named, worded where it is due, never a change of the alert itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts import handling as acts
from alerts.handling import LONGEST_NAME, LONGEST_NOTE, possible_acts
from metering.alert import Alert, AlertState
from metering.errors import IllegalMove
from metering.handling import AlertHandling

ALERT = Alert(
    "a-1", "TA1", "M1", "SP1", "bypass", "theft", "high", 0.9, 100, None, AlertState.RAISED, 1.0, 2.0, "kWh", (), 50
)
OVER = replace(ALERT, state=AlertState.CLEARED, cleared_at_s=200)
NOBODY = AlertHandling("a-1")
SEEN = AlertHandling("a-1", "Li Na", 150, 1, "Li Na", 1)


def test_whoever_acknowledges_an_alert_without_an_owner_owns_it() -> None:
    handled, audit = acts.acknowledge(ALERT, NOBODY, actor=" Li Na ", at_s=150)
    assert handled == SEEN
    assert (audit.subject_id, audit.actor, audit.move, audit.to_state) == ("a-1", "Li Na", "acknowledge", "episode 1")
    owned = replace(NOBODY, owner="Wang")
    assert acts.acknowledge(ALERT, owned, actor="Li Na", at_s=150)[0].owner == "Wang"


def test_an_alert_is_acknowledged_once_an_episode_and_again_after_a_relapse() -> None:
    with pytest.raises(IllegalMove, match="by Li Na already"):
        acts.acknowledge(ALERT, SEEN, actor="Wang", at_s=160)
    relapsed = replace(ALERT, episodes=2, relapses=((200, 300),))
    assert not SEEN.acknowledges(relapsed)
    handled, _ = acts.acknowledge(relapsed, SEEN, actor="Wang", at_s=310)
    assert handled == replace(SEEN, acknowledged_by="Wang", acknowledged_at_s=310, acknowledged_episode=2, version=2)


def test_an_alert_that_is_over_is_neither_acknowledged_nor_assigned_but_commented() -> None:
    with pytest.raises(IllegalMove, match="is cleared, so acknowledge is not possible; possible is comment, hand_over"):
        acts.acknowledge(OVER, NOBODY, actor="Li Na", at_s=300)
    with pytest.raises(IllegalMove, match="assign is not possible"):
        acts.assign(OVER, NOBODY, owner="Wang", actor="Li Na", at_s=300)
    commented, audit = acts.comment(OVER, SEEN, actor="Wang", at_s=300, note=" seals were whole ")
    assert commented == replace(SEEN, version=2)
    assert (audit.reason, audit.move) == ("seals were whole", "comment")


def test_ownership_moves_by_assignment_and_hand_over() -> None:
    given, audit = acts.assign(ALERT, SEEN, owner="Wang", actor="Li Na", at_s=160)
    assert (given.owner, audit.from_state, audit.to_state) == ("Wang", "Li Na", "Wang")
    handed, audit = acts.hand_over(ALERT, given, owner="night shift", actor="Wang", at_s=170, note="crew on its way")
    assert (handed.owner, audit.reason) == ("night shift", "crew on its way")
    freed, audit = acts.unassign(ALERT, handed, actor="Li Na", at_s=180, note="nobody of that shift")
    assert (freed.owner, freed.version, audit.to_state) == (None, 4, "")
    with pytest.raises(IllegalMove, match="no owner"):
        acts.unassign(ALERT, freed, actor="Li Na", at_s=190, note="again")


@pytest.mark.parametrize(
    ("act", "given", "words"),
    [
        ("acknowledge", {"actor": " "}, "needs the name of the person"),
        ("acknowledge", {"actor": "x" * (LONGEST_NAME + 1)}, "are enough"),
        ("acknowledge", {"note": "x" * (LONGEST_NOTE + 1)}, "are enough"),
        ("assign", {"owner": " "}, "name of its owner"),
        ("hand_over", {"owner": "", "note": "x"}, "to whom"),
        ("hand_over", {"owner": "Wang", "note": " "}, "needs words"),
        ("comment", {"note": ""}, "needs words"),
    ],
)
def test_an_act_without_what_it_needs_is_refused_in_words(act: str, given: dict[str, str], words: str) -> None:
    with pytest.raises(IllegalMove, match=words):
        getattr(acts, act)(ALERT, NOBODY, **{"actor": "Li Na", "at_s": 150, **given})


def test_what_can_be_done_depends_on_the_alert_and_its_owner() -> None:
    assert possible_acts(ALERT, NOBODY) == ("acknowledge", "assign", "comment", "hand_over")
    assert possible_acts(ALERT, SEEN) == ("assign", "unassign", "comment", "hand_over")
    assert possible_acts(OVER, NOBODY) == ("comment", "hand_over")
