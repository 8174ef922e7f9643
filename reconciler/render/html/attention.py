"""The calls of a plan that need attention, in groups with one explanation each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from reconciler.domain.plan import Action, CallToStop, Change, Plan
from reconciler.domain.policy import GUARD_CODES
from reconciler.render import to_stop
from reconciler.render.html.actions import KIND_NUMBERS, KINDS, TO_STOP
from reconciler.render.html.call_table import AttentionGroup, CallLine, known_time, local_text
from reconciler.render.labels import ACTION_WORDS, ATTENTION, blocked_groups, reason_words
from reconciler.render.subject import Subject

_INSTRUCTIONS = {
    TO_STOP: "Delete each one in the ContactShip dashboard, then run: reconciler resolve ADDRESS --stopped "
    "--reason WHY. To let one ring, use --let-ring instead.",
    Action.UNCERTAIN: "Run: reconciler resolve ADDRESS --placed CALL_ID, or --not-placed.",
    Action.CONFLICT: "Run: reconciler resolve ADDRESS --placed CALL_ID, or --distinct.",
}
_EXPLANATIONS = {
    Action.FORBIDDEN: "These calls were placed, will still ring, and a rule forbids them now.",
    Action.UNCERTAIN: "A request was sent and its outcome is unknown, so it is not sent again.",
    Action.CONFLICT: "The service has a call that may be this one, so nothing is placed.",
    Action.CHANGED: "The row was edited after its call was placed. The API cannot edit a call.",
    Action.REMOVED: "The call was placed and will still ring, but its row is gone or disabled.",
    Action.EXPIRED: "The time of these calls has passed, so they are not placed.",
}


def attention_groups(
    plan: Plan, lines: Sequence[CallLine], to_line: Callable[[Change], CallLine]
) -> Iterator[AttentionGroup]:
    """First the calls to stop by hand, then the blocked ones by reason, then the others by action. What the base
    already has is left out. Masked addresses of several people may be equal, so no line is found by its address
    alone.
    """
    occurrences = Counter(line.address for line in lines)
    alone = {line.address: line for line in lines if occurrences[line.address] == 1}
    if plan.to_stop:
        yield AttentionGroup(
            name="to-stop",
            heading=to_stop.heading(plan.to_stop),
            explanation="They will ring, and the API cannot cancel a call.",
            instruction=_INSTRUCTIONS[TO_STOP],
            lines=tuple(_stop_line(call, alone.get(call.address), plan.created_at) for call in plan.to_stop),
            reason=TO_STOP,
        )
    own = [change for change in plan.changes if change.introduced is not False]
    for heading, blocked in blocked_groups(own):
        yield _blocked_group(heading, blocked, to_line)
    for action in ATTENTION:
        changes = to_stop.elsewhere(plan, action, [change for change in own if change.action is action])
        if changes:
            yield AttentionGroup(
                name=action.value,
                heading=f"{len(changes):,} {ACTION_WORDS[action]}",
                explanation=_EXPLANATIONS[action],
                instruction=_INSTRUCTIONS.get(action, ""),
                lines=tuple(map(to_line, changes)),
                kind=KIND_NUMBERS[action],
            )


def _blocked_group(
    heading: str, changes: Sequence[Change], to_line: Callable[[Change], CallLine]
) -> AttentionGroup:
    reason = next((change.reasons[0] for change in changes if change.reasons), "")
    explanation = GUARD_CODES.get(reason, "")
    return AttentionGroup(
        name=Action.BLOCKED.value,
        heading=f"{len(changes):,} {heading}",
        explanation=f"{explanation[:1].upper()}{explanation[1:]}." if explanation else "",
        lines=tuple(map(to_line, changes)),
        kind=KIND_NUMBERS[Action.BLOCKED],
        reason=reason_words(reason),
    )


def _stop_line(call: CallToStop, line: CallLine | None, now: datetime) -> CallLine:
    """``line`` is the call's own line in the sheet, which may know the person's name."""
    person = call.target or ""
    return CallLine(
        address=call.address,
        kind=KIND_NUMBERS[call.action],
        load=0,
        call=None,
        subject=Subject(person=person, target=person) if line is None or not line.person else line.subject,
        rings=known_time(call.rings_at),
        when=local_text(call.rings_at, call.timezone, now),
        place=call.call_id or "",
        message=f"{KINDS[KIND_NUMBERS[call.action]].word}: {call.why}",
    )
