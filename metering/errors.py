"""Errors a user can meet: each says what is wrong and what to do about it."""

from __future__ import annotations


class MeterwatchError(Exception):
    """Base of every error that is shown to a person as one line, without a traceback."""


class FeedError(MeterwatchError):
    """A feed folder, or a file to import, that cannot be used: names the file, the line and the reason."""


class RowError(FeedError):
    """One row of a feed's small table that cannot be used; the others can."""


class ArchiveError(MeterwatchError):
    """The archive (meters, contracts, areas) contradicts itself or is missing."""


class CatalogueError(MeterwatchError):
    """A row of the catalogue of abnormalities that contradicts itself, or a threshold outside its allowed range."""


class FrameError(MeterwatchError):
    """A frame that breaks an invariant of `ReadingFrame`."""


class UnreadableMessage(MeterwatchError):
    """A message of the log that cannot be decoded at all; it goes to the dead letters with this text as its reason."""


class SettingsError(MeterwatchError):
    """A setting that is unknown, missing or out of range."""


class ThresholdError(SettingsError):
    """A detector's threshold that is unknown or out of range: `section` and `name` say where it stands in the thresholds file,
    `number` which of several sections of that name (from 1)."""

    def __init__(self, text: str, section: str, name: str = "", number: int = 1) -> None:
        super().__init__(text)
        self.section, self.name, self.number = section, name, number


class StoreError(MeterwatchError):
    """A store that refuses for good (wrong schema, wrong credentials): retrying would not help."""


class StoreUnavailable(MeterwatchError):
    """A store that cannot be reached just now: the caller keeps what it has and tries again."""


class StaleVersion(MeterwatchError):
    """Somebody else moved the task first: read it again, then decide again."""


class IllegalMove(MeterwatchError):
    """A move that the life of an alert or a task does not allow from where it is."""


class NotSent(MeterwatchError):
    """A notification that its receiver did not take. `recoverable`: worth trying again, not before `after_s` where the receiver
    said so; otherwise it is kept as failed until a person retries it. The text holds no address and no secret."""

    def __init__(self, text: str, *, recoverable: bool, after_s: float | None = None) -> None:
        super().__init__(text)
        self.recoverable, self.after_s = recoverable, after_s


class NotFound(IllegalMove):
    """A move of an alert, task, silence or finding that is not there."""
