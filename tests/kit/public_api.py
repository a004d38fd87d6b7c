"""Segment's own client of its Public API, in a process of its own, as a user's program has it."""

import functools
import json
import re
import subprocess
from types import TracebackType
from typing import Any, NamedTuple

from tests.kit.sdks import FOLDER, node


class Answer(NamedTuple):
    """Of one call. `body` as the client read it: members that its models lack are gone."""

    status: int
    body: Any
    headers: dict[str, str]


class SegmentClient:
    """`client.call("createSource", {...})`: arguments as the client's method takes them."""

    def __init__(self, app_url: str, token: str) -> None:
        self._process = subprocess.Popen(
            [node(), "public_api.mjs", f"{app_url}/api", token],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "SegmentClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, operation: str, *args: Any) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"operation": operation, "args": args}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "failed" not in answer, f"{operation}: {answer['failed']}"
        return Answer(answer["status"], answer.get("body"), answer.get("headers") or {})

    def ok(self, operation: str, *args: Any) -> Any:
        """What stands in `data` of an answer below 300."""
        answer = self.call(operation, *args)
        assert answer.status < 300, f"{operation}: {answer}"
        return answer.body["data"]

    def refused(self, operation: str, *args: Any) -> tuple[int, str]:
        """Status and type of the first error."""
        answer = self.call(operation, *args)
        assert answer.status >= 400, f"{operation}: {answer}"
        return answer.status, answer.body["errors"][0]["type"]


@functools.cache
def segments_operations() -> dict[str, tuple[str, str]]:
    """Operation -> method and path, parameters as `{}`; all that Segment's client has."""
    done = subprocess.run(
        [node(), "public_api.mjs", "--operations"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        found["operation"]: (found["method"], re.sub(r"\barg\d+\b", "{}", found["path"]))
        for found in json.loads(done.stdout)
    }
