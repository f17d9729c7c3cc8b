"""The errors a user can meet: one sentence each, naming the field, the value and the remedy."""


class RadiofmError(Exception):
    """Base of all errors that the command line turns into one line and an exit code."""

    exit_code = 1


class UsageError(RadiofmError):
    """A value, option or setting that cannot be used as given."""

    exit_code = 2


class DeviceError(RadiofmError):
    """A device that cannot be opened, tuned or read."""


class RecordingError(RadiofmError):
    """A recording that cannot be read or written."""


class WireError(RadiofmError):
    """A message that breaks the wire contract."""


class BundleError(RadiofmError):
    """A bundle that is incomplete, altered, unsafe or made for something else."""


class MissingDependencyError(RadiofmError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, install: str) -> None:
        super().__init__(f"{package} is not installed: {install}")
