"""Every change of a job, a task or a connection, one function per verb. Nobody else writes a status."""

from .accepting import (
    cancel,
    create_job,
    create_task,
    delete_job,
    delete_task,
    receive_upload,
    retry,
    take_in,
)
from .connecting import TEST_SECONDS, delete_connection, save_connection, try_connection
from .moving import UPLOAD, Staged
from .notices import send_owed
from .quarantine import forget_strikes, release, trial
from .repairing import (
    advance_stuck,
    end_overdue,
    forget_old,
    forget_orphans,
    plan_anew,
    reseal_connections,
    reseal_tasks,
    ring_again,
    take_from_dead,
)
from .running import claim, extend, fail, finish, hand_back, lost, ready, remember, tell_progress

__all__ = [
    "TEST_SECONDS",
    "UPLOAD",
    "Staged",
    "advance_stuck",
    "cancel",
    "claim",
    "create_job",
    "create_task",
    "delete_connection",
    "delete_job",
    "delete_task",
    "end_overdue",
    "extend",
    "fail",
    "finish",
    "forget_old",
    "forget_orphans",
    "forget_strikes",
    "hand_back",
    "lost",
    "plan_anew",
    "ready",
    "receive_upload",
    "release",
    "remember",
    "reseal_connections",
    "reseal_tasks",
    "retry",
    "ring_again",
    "save_connection",
    "send_owed",
    "take_from_dead",
    "take_in",
    "tell_progress",
    "trial",
    "try_connection",
]
