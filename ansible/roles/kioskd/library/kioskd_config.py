"""The Ansible module that gives a box its configuration: ``kioskctl apply``, with check mode, diff and idempotence.

It runs on the box, with the box's own Python; kioskctl does the work and decides.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: kioskd_config
short_description: Has a kiosk check, try, watch and keep a configuration
description:
  - Runs C(kioskctl apply) on the box. The box refuses what does not check, and goes back by itself when it does not
    stay healthy; either fails the task, with the reason.
  - In check mode nothing is changed, and the differences are told.
options:
  content:
    description: The configuration. Needed unless O(state=previous).
    type: str
  state:
    description: V(applied) has O(content) applied; V(previous) goes back to what ran healthy before.
    type: str
    choices: [applied, previous]
    default: applied
  path:
    description: The file that kioskd reads, while none runs that could be asked.
    type: path
    default: /etc/kioskd/kioskd.yaml
  watch:
    description: For so many seconds the box watches itself before it keeps it.
    type: float
    default: 15
  confirm_within:
    description: Go back unless C(kioskctl apply --confirm) is said in time. V(0) asks for none.
    type: float
    default: 0
  kioskctl:
    description: The program.
    type: str
    default: kioskctl
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: kioskd
"""

EXAMPLES = r"""
- name: The configuration of this box
  kioskd_config:
    content: "{{ lookup('ansible.builtin.file', 'lobby.yaml', rstrip=false) }}"

- name: Back to the one before
  kioskd_config:
    state: previous
"""

RETURN = r"""
outcome:
  description: V(kept), V(unchanged), V(written) (no kioskd runs), V(dry run), V(refused) or V(rolled back).
  type: str
  returned: always
reason:
  description: Why, in one sentence.
  type: str
  returned: always
changes:
  description: The keys that differ from what runs, with C(key), C(old), C(new) and C(applies) (live, session, restart).
  type: list
  elements: dict
  returned: when it got so far
advice:
  description: What the box advises about this configuration.
  type: list
  returned: when it got so far
"""

OPTIONS = {
    "content": {"type": "str"},
    "state": {"type": "str", "choices": ["applied", "previous"], "default": "applied"},
    "path": {"type": "path", "default": "/etc/kioskd/kioskd.yaml"},
    "watch": {"type": "float", "default": 15.0},
    "confirm_within": {"type": "float", "default": 0.0},
    "kioskctl": {"type": "str", "default": "kioskctl"},
}


def words(wanted: dict[str, Any], dry: bool) -> list[str]:
    """The command line."""
    to = ["--json", "--config", wanted["path"], "--watch", f"{wanted['watch']:g}"]
    to += ["--confirm-within", f"{wanted['confirm_within']:g}"] if wanted["confirm_within"] else []
    to += ["--dry-run"] if dry else []
    if wanted["state"] == "previous":
        return [wanted["kioskctl"], "rollback", *to]
    sha256 = hashlib.sha256(wanted["content"].encode()).hexdigest()
    return [wanted["kioskctl"], "apply", "-", "--sha256", sha256, *to]


def told(code: int, out: str, err: str) -> dict[str, Any]:
    """What kioskctl ended with; what is no JSON is a refusal with the last line that it said."""
    try:
        result = json.loads(out)
    except ValueError:
        result = None
    if isinstance(result, dict) and isinstance(result.get("outcome"), str):
        return {**result, "ok": result.get("ok") is True and code == 0}
    said = err.strip().splitlines() or [f"kioskctl ended with exit status {code}"]
    return {"ok": False, "outcome": "refused", "reason": said[-1].removeprefix("kioskctl: ")}


def difference(changes: list[dict[str, Any]]) -> dict[str, str]:
    """For --diff: the keys, as they are and as they will be."""
    sides = {
        name: "".join(f"{row.get('key')}: {row[side]}\n" for row in changes if row.get(side) not in (None, ""))
        for name, side in (("before", "old"), ("after", "new"))
    }
    return {**sides, "before_header": "what runs", "after_header": "the new configuration"}


def main() -> None:
    """The module; Ansible calls it."""
    needs = [("state", "applied", ["content"])]
    module = AnsibleModule(argument_spec=OPTIONS, required_if=needs, supports_check_mode=True)
    wanted = module.params
    if module.check_mode and shutil.which(wanted["kioskctl"]) is None:
        reason = f"{wanted['kioskctl']} is not installed yet; what it thinks of the configuration is not known"
        module.warn(reason)
        module.exit_json(changed=True, outcome="dry run", reason=reason)
    given = wanted["content"] if wanted["state"] == "applied" else None
    result = told(*module.run_command(words(wanted, module.check_mode), data=given, binary_data=True))
    # Under its own name Ansible would take it for warnings of the module.
    result["advice"] = [str(one) for one in result.pop("warnings", None) or ()]
    for sentence in result["advice"]:
        module.warn(sentence)
    if not result.pop("ok"):
        module.fail_json(msg=f"{result['outcome']}: {result['reason']}", **result)
    changed = result["outcome"] not in ("unchanged", "confirmed")
    module.exit_json(changed=changed, diff=difference(result.get("changes") or []), **result)


if __name__ == "__main__":
    main()
