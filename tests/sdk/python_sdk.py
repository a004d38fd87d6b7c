"""`python_sdk.py segment|rudder`: sends the calls of stdin's JSON {url, writeKey, calls} with that
company's SDK for Python, which share one interface."""

import importlib
import json
import sys

MODULES = {"segment": "segment.analytics.client", "rudder": "rudderstack.analytics.client"}
NAMES = {"userId": "user_id", "previousId": "previous_id", "groupId": "group_id"}


def main(sdk: str) -> int:
    given = json.load(sys.stdin)
    failed: list[object] = []
    client = importlib.import_module(MODULES[sdk]).Client(
        given["writeKey"], host=given["url"], on_error=lambda error, _: failed.append(error)
    )
    for call in given["calls"]:
        kind = call.pop("type")
        getattr(client, kind)(**{NAMES.get(name, name): value for name, value in call.items()})
    client.shutdown()
    if failed:
        sys.stderr.write(f"the SDK could not send: {failed}\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
