"""A tiny reference of OTP's supervisor, written from its documentation alone (`supervisor(3)`, "Supervisor
Behaviour" of the design principles), with none of our words or structure: lists of tuples.

    permanent  always restarted
    transient  restarted only if it terminates abnormally: reasons other than normal, shutdown
    temporary  never restarted, "even when the supervisor's restart strategy is rest_for_one or one_for_all
               and a sibling's death causes the temporary process to be terminated"
    one_for_one   only the terminated child is restarted
    one_for_all   "all remaining child processes are terminated. Then all child processes, including the
                  terminated one, are restarted"
    rest_for_one  "the rest of the child processes (that is, the child processes after the terminated one in
                  start order) are terminated", then they and the terminated one are restarted
    termination is in reverse start order
"""

Child = tuple[str, str]  # (id, restart type)


def on_exit(
    strategy: str, children: list[Child], running: set[str], who: str, reason: str
) -> tuple[list[str], list[str], list[str]]:
    """What happens when `who` exits: ids terminated in order, ids started in order, ids still listed."""
    kind = dict(children)[who]
    listed = [name for name, _ in children]
    wanted = {"permanent": True, "transient": reason == "abnormal", "temporary": False}[kind]
    if not wanted:
        return [], [], [name for name in listed if name != who or kind != "temporary"]
    if strategy == "one_for_one":
        return [], [who], listed
    concerned = listed if strategy == "one_for_all" else listed[listed.index(who) :]
    terminated = [name for name in concerned[::-1] if name != who and name in running]
    survivors = [name for name, restart in children if name not in concerned or restart != "temporary"]
    started = [name for name in concerned if name in survivors]
    return terminated, started, survivors
