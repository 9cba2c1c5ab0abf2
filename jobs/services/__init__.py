"""Every change of a job or a task, one function per verb. Nobody else writes a status."""

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
from .moving import UPLOAD, Staged
from .notices import send_owed
from .quarantine import forget_strikes, release, trial
from .repairing import (
    advance_stuck,
    end_overdue,
    forget_old,
    forget_orphans,
    plan_anew,
    reseal,
    ring_again,
    take_from_dead,
)
from .running import claim, extend, fail, finish, hand_back, lost, ready, remember, tell_progress

__all__ = [
    "UPLOAD",
    "Staged",
    "advance_stuck",
    "cancel",
    "claim",
    "create_job",
    "create_task",
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
    "reseal",
    "retry",
    "ring_again",
    "send_owed",
    "take_from_dead",
    "take_in",
    "tell_progress",
    "trial",
]
