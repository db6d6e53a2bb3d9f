"""The attacks of tests/guests/hostile-c and hostile-table-c, and what a client may see of each.

What a client sees of one request, as one word:
    "500", "503", "504", ...   that status, whole
    "200"                      a whole answer
    "cut"                      a head with 200, then a body that the server ended without finishing it
"""

# The host refused and the guest went on to say so.
REFUSED = {"200"}
# The guest broke a rule of the canonical ABI or of core WebAssembly.
TRAPPED = {"500"}
# The guest used up its CPU time or the deadline; 503 while others wait for its instance.
OUT_OF_TIME = {"500", "504", "503"}
# The host sends a head that was set as soon as the guest waits or is interrupted, then ends the body early.
CUT = {"cut"}
# The head may be out already, or the connection may end before it could be sent.
ENDED_LATE = {"cut", "closed", "500", "504"}

# In a guest of its own, which its host can never reset.
TABLE_ATTACKS = {"/grow-table": REFUSED | TRAPPED}
ATTACKS = {
    # time
    "/spin": OUT_OF_TIME,
    "/spin-in-host-calls": OUT_OF_TIME,
    "/sleep-for-ever": OUT_OF_TIME,
    "/poll-for-ever": OUT_OF_TIME,
    # space
    "/eat-memory": REFUSED | TRAPPED,
    "/recurse": TRAPPED,
    "/eat-handles": TRAPPED,
    "/eat-pollables": TRAPPED,
    "/eat-fields": REFUSED | TRAPPED,
    "/flood": CUT,
    "/flood-stderr": OUT_OF_TIME,
    "/write-unchecked": ENDED_LATE,
    # handles
    "/forged-handle": TRAPPED,
    "/negative-handle": TRAPPED,
    "/double-drop": TRAPPED,
    "/use-after-drop": TRAPPED,
    "/wrong-type": TRAPPED,
    "/use-after-move": TRAPPED,
    "/answer-twice": TRAPPED | ENDED_LATE | {"200"},  # the first answer is whole, for it has no body
    "/drop-parent-first": TRAPPED | ENDED_LATE,
    "/poll-nothing": TRAPPED,
    "/poll-forged": TRAPPED,
    # memory of others
    "/huge-string": TRAPPED,
    "/string-past-end": TRAPPED,
    "/string-wraps": TRAPPED,
    "/bad-utf8": TRAPPED,
    "/huge-list": TRAPPED,
    "/misaligned-list": TRAPPED,
    "/misaligned-result": TRAPPED,
    "/result-past-end": TRAPPED,
    "/bad-discriminant": TRAPPED,
    "/bad-error-code": TRAPPED,
    # traps
    "/unreachable": TRAPPED,
    "/out-of-bounds": TRAPPED,
    "/write-out-of-bounds": TRAPPED,
    "/divide-by-zero": TRAPPED,
    "/call-null": TRAPPED,
    "/call-wrong-type": TRAPPED,
    # the protocol
    "/no-answer": TRAPPED,
    "/trap-after-head": ENDED_LATE,
    "/spin-after-head": CUT,
    "/leave-body-open": ENDED_LATE,
    "/bad-status": REFUSED,
    "/split-headers": REFUSED,
    "/short-body": ENDED_LATE,
    "/long-body": ENDED_LATE | REFUSED,
    "/error-answer": {"508"},  # loop-detected, as the guest says
}
