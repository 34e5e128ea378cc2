"""moto's server with what its IAM leaves undone and these tests are about, as the IAM User Guide says it: a session may do what both its
role and its session policy allow, a condition decides whether a statement counts, and a session expires. A condition that is not known
here stops the request: a test must not pass because a condition was ignored."""

import json
import sys
from fnmatch import fnmatchcase

from moto.core.utils import utcnow
from moto.iam import access_control
from moto.server import main
from moto.sts.models import sts_backends

SESSION = access_control.AssumedRoleAccessKey


def session_of(key):
    for session in sts_backends[key.account_id][key.partition].assumed_roles:
        if session.access_key_id == key._access_key_id:
            return session
    raise AssertionError("a session that nobody made")


def counts(statement, facts):
    conditions = statement.get("Condition", {})
    matches = {"StringEquals": lambda value, wanted: value == wanted, "StringLike": fnmatchcase}
    for operator, wanted in conditions.items():
        for name, values in wanted.items():
            values = values if isinstance(values, list) else [values]
            if not any(matches[operator](facts[name], value) for value in values):
                return False
    return True


def counting(document, facts):
    """The policy with the statements that count, without their conditions."""
    policy = json.loads(document)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    kept = [{k: v for k, v in one.items() if k != "Condition"} for one in statements if counts(one, facts)]
    return json.dumps({**policy, "Statement": kept})


role_policies = SESSION.collect_policies


def collect_policies(self):
    facts = {"aws:userid": session_of(self).user_id}
    return [counting(one, facts) if isinstance(one, str) else one for one in role_policies(self)]


SESSION.collect_policies = collect_policies
check = access_control.IAMRequestBase.check_action_permitted


def resource_of(request, resource):
    """moto passes on less of a request than it knows: a table’s name, an S3 path, which here is /bucket/key."""
    if request._service == "dynamodb" and "TableName" in json.loads(request._body or "{}"):
        table = json.loads(request._body)["TableName"]
        return f"arn:aws:dynamodb:{request._region}:{request.account_id}:table/{table}"
    path = request._path.split("?")[0].strip("/")
    return f"arn:aws:s3:::{path}" if request._service == "s3" and path else resource


def check_action_permitted(self, resource):
    key = self._access_key
    if isinstance(key, SESSION):
        session = session_of(key)
        if session.expiration < utcnow():
            self._raise_invalid_access_key("InvalidToken")
        if session.policy is not None and self._action != "sts:GetCallerIdentity":
            allowed = access_control.IAMPolicy(counting(session.policy, {"aws:RequestedRegion": self._region}))
            if allowed.is_action_permitted(self._action, resource_of(self, resource)) is not access_control.PermissionResult.PERMITTED:
                self._raise_access_denied()
    check(self, resource)


access_control.IAMRequestBase.check_action_permitted = check_action_permitted
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
