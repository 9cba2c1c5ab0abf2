"""Why a task failed: the code and the sentence end up in the task."""

from __future__ import annotations

from .failure import AthanorError, Retry


class TaskError(AthanorError):
    """An attempt that failed."""

    code = "UNKNOWN_ERROR"
    message = "Something went wrong on our side."
    retry = Retry.NEVER
    strikes_from = 0
    """From which failed attempt of a task on it speaks against the input (see quarantine); 0: never."""


class InternalError(TaskError):
    """A bug of ours; the log has the traceback."""

    code = "INTERNAL_ERROR"
    message = "Something went wrong on our side; the operator has been told."
    retry = Retry.ONCE


class InvalidConversionType(TaskError):
    """No engine here converts the one format to the other."""

    code = "INVALID_CONVERSION_TYPE"
    message = "This conversion type is not supported."


class EngineGone(TaskError):
    """The engine or the version of it that was asked for is with no worker any more."""

    code = "ENGINE_GONE"
    message = "The engine asked for is not here any more. Leave engine and engine_version out."


class InputTaskFailed(TaskError):
    """A task this one needs did not finish."""

    code = "INPUT_TASK_FAILED"
    message = "Input task has failed"


class NoInputFiles(TaskError):
    """The input tasks left nothing to work on."""

    code = "NO_INPUT_FILES"
    message = "The input tasks have no files."


class FileGone(TaskError):
    """A file the task needs is no longer in the store."""

    code = "FILE_GONE"
    message = "A file this task needs has been deleted."


class Cancelled(TaskError):
    """The customer or an operator cancelled it."""

    code = "CANCELLED"
    message = "The task was cancelled."


class Timeout(TaskError):
    """The task's own ``timeout`` ran out."""

    code = "TIMEOUT"
    message = "The task did not end within its timeout."


class EngineTimeout(TaskError):
    """The engine ran past its cap: it hangs, or the file is too much for it."""

    code = "TIMEOUT"
    message = "The engine did not end in time. The file may be too large or damaged."
    retry = Retry.ONCE
    strikes_from = 1


class EngineCrashed(TaskError):
    """The engine died by a signal or without a word."""

    code = "ENGINE_CRASHED"
    message = "The engine stopped unexpectedly on this file. It may be damaged."
    retry = Retry.ONCE
    strikes_from = 1


class EngineNotReady(TaskError):
    """The engine did not start; it has not seen the input."""

    code = "ENGINE_UNAVAILABLE"
    message = "The engine could not be started. Try again shortly."
    retry = Retry.INFRASTRUCTURE


class Unconfined(EngineNotReady):
    """The engine could not be locked in, so it was not started."""


class InputQuarantined(TaskError):
    """The input stopped this engine before, with these options; it was not started again."""

    code = "INPUT_QUARANTINED"
    message = (
        "This file stopped the engine twice with these options and is not tried again. "
        "Try other options or another engine, or ask the operator to release it."
    )


class MemoryExceeded(TaskError):
    """The engine took more memory than it may."""

    code = "MEMORY_EXCEEDED"
    message = "The engine needs more memory for this file than this service gives it."
    retry = Retry.ONCE
    strikes_from = 1


class ConversionFailed(TaskError):
    """The engine refused, or left no valid output."""

    code = "CONVERSION_FAILED"
    message = "The engine could not convert this file. It may be damaged or use features we cannot read."


class OpenFailed(TaskError):
    """The input is not what its name says, or is damaged."""

    code = "OPEN_FAILED"
    message = "The file could not be opened. It is damaged or not what its extension says."


class EmptyFile(OpenFailed):
    """The input has no bytes."""

    message = "The file is empty."


class PasswordRequired(TaskError):
    """The input is encrypted and no password, or a wrong one, was given."""

    code = "PASSWORD_REQUIRED"
    message = "The file is protected by a password. Set the password option to the right one."


class SecretLost(TaskError):
    """A secret of the task cannot be opened here: its key is gone, or this worker does not have it."""

    code = "SECRET_LOST"
    message = "A secret can no longer be read: the service's keys have changed. Send the task again."
    retry = Retry.INFRASTRUCTURE


class ConnectionGone(TaskError):
    """The saved connection that the task was accepted with was deleted, or no longer holds what it needs."""

    code = "CONNECTION_GONE"
    message = "The connection has been deleted since the task was created. Name another one."


class ConnectionUntested(TaskError):
    """Nobody had the time to try a saved connection."""

    code = "CONNECTION_UNTESTED"
    message = "No worker has tried the connection in time. Try again later."


class FileTooLarge(TaskError):
    """A file is above the cap."""

    code = "FILE_TOO_LARGE"
    message = "The file is larger than this service allows."


class TooMuchOutput(TaskError):
    """The engine made more files or bytes than a task may."""

    code = "OUTPUT_TOO_LARGE"
    message = "The task produced more output than this service allows."


class DownloadFailed(TaskError):
    """The far side refused an import or sent something that cannot be right."""

    code = "DOWNLOAD_FAILED"
    message = "The file could not be downloaded."


class DownloadUnreachable(DownloadFailed):
    """The far side did not answer, or broke off."""

    retry = Retry.INFRASTRUCTURE


class AddressRefused(TaskError):
    """The outbound rule forbids to connect there; the log says why."""

    code = "ADDRESS_REFUSED"
    message = (
        "This service does not connect to the address or port that the url, endpoint or host leads to."
        " Use a public address and a usual port, or ask the operator to allow it."
    )


class UploadFailed(TaskError):
    """The far side refused an export, or an awaited upload never came."""

    code = "UPLOAD_FAILED"
    message = "The file could not be uploaded."


class UploadUnreachable(UploadFailed):
    """The far side did not answer, or broke off."""

    retry = Retry.INFRASTRUCTURE


class StorageRefused(TaskError):
    """The customer's storage said no: the credentials, the bucket, the object, or a permission."""

    code = "STORAGE_REFUSED"
    message = "The storage refused the request."


class StorageUnreachable(TaskError):
    """The customer's storage did not answer, broke off, or sent other bytes than it meant to."""

    code = "STORAGE_UNREACHABLE"
    message = "The storage could not be reached."
    retry = Retry.INFRASTRUCTURE


class DiskFull(TaskError):
    """No room to work; another attempt later may find some."""

    code = "DISK_FULL"
    message = "The service ran out of disk space."
    retry = Retry.INFRASTRUCTURE


class FileStoreUnreachable(TaskError):
    """Our own file store did not do its work; the log has its words."""

    code = "FILE_STORE_UNAVAILABLE"
    message = "The service's own file store did not answer. Try again shortly."
    retry = Retry.INFRASTRUCTURE


class LeaseLost(TaskError):
    """Too many attempts ended with their worker gone."""

    code = "WORKER_LOST"
    message = "The machines working on this task stopped several times. The file may crash the engine."
    retry = Retry.INFRASTRUCTURE
    strikes_from = 2  # Machines also stop by themselves, and take along whatever runs there.


class Stopped(TaskError):
    """The run was told to stop; whoever told it knows what becomes of the task."""

    code = "STOPPED"
    message = "The run was stopped."
