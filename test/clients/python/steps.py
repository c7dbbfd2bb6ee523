"""Reports what a program did as lines of JSON, which its runner reads."""

import json
import time
import traceback


def step(name):
    """Runs the decorated function at once, as one step."""

    def run(function):
        start = time.monotonic()
        ended = {"step": name}
        try:
            function()
        except Exception as error:  # noqa: BLE001: whatever it is, it is this step's
            place = traceback.extract_tb(error.__traceback__)[1]
            ended["error"] = f"{type(error).__name__}: {error} (line {place.lineno}: {place.line})"
        ended["ms"] = (time.monotonic() - start) * 1000
        print(json.dumps(ended), flush=True)

    return run


def equal(got, want):
    """Ends the step when the two differ."""
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def fails(kind, function):
    """The exception of that kind that the function raises; anything else ends the step."""
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")
