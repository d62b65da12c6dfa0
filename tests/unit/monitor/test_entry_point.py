"""What a person sees of an error of the machine: one line and exit code 1; a defect keeps its traceback."""

import errno
from pathlib import Path

import pytest

from metering.errors import MeterwatchError
from monitor import command_line
from monitor.thresholds import load_thresholds


def _raising(error: Exception) -> object:
    def app() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/closed/run"), "/closed/run: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    error: OSError, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "app", _raising(error))
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"meterwatch: {line}; ")
    assert said.count("\n") == 1


def test_an_unknown_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "app", _raising(OSError("a defect")))
    with pytest.raises(OSError, match="a defect"):
        command_line.main()


def test_thresholds_that_are_no_utf_8_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "thresholds.toml"
    file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(MeterwatchError, match="thresholds"):
        load_thresholds(file)
