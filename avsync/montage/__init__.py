"""Plan a montage: a cut list whose cuts are on the beats of a song.

Three questions, each answered by modules of its own: where to cut (`cutting`, `slots`), what there
is to show (`moments`), and which moment goes where (`packing`, `scores`, `assignment`, `sequence`).
`plan` asks them in turn and keeps the reasons; `plan_montage` gives the cut list alone.
"""

from __future__ import annotations

from avsync.montage.filling import Order
from avsync.montage.moments import Filters, Rejection
from avsync.montage.planning import plan, plan_montage
from avsync.montage.result import Choice, MontagePlan, PlanReport, Skipped
from avsync.montage.scores import Reasons, Weights
from avsync.montage.slots import Slot

__all__ = [
    "Choice",
    "Filters",
    "MontagePlan",
    "Order",
    "PlanReport",
    "Reasons",
    "Rejection",
    "Skipped",
    "Slot",
    "Weights",
    "plan",
    "plan_montage",
]
