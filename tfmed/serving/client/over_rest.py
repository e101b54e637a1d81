"""TF Serving's REST interface (tensorflow.org/tfx/serving/api_rest)."""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from tfmed.serving.client.asking import (
    NO_LABEL,
    Target,
    TransientError,
    Value,
    failure,
    not_found,
    not_ours,
)


class Rest:
    """A `Connection` over HTTP; nothing stays open between requests."""

    def __init__(self, target: Target, seconds: float) -> None:
        """Keeps what is needed to ask; `seconds` is the time limit of one request."""
        self.target, self.seconds = target, seconds
        name = urllib.parse.quote(target.model, safe="")
        self.model_url = f"{target.url.rstrip('/')}/v1/models/{name}"

    def ask(self, signature: str, value: Value, outputs: Sequence[str]) -> dict[str, Any]:
        """See `Connection`."""
        which = ""
        if self.target.version is not None:
            which = f"/versions/{self.target.version}"
        elif self.target.label:
            which = f"/labels/{urllib.parse.quote(self.target.label, safe='')}"
        body = {"signature_name": signature, "instances": [_instance(value)]}
        status, answer = self._send(f"{self.model_url}{which}:predict", body)
        if status == 200:
            return _row(answer, self.target)
        words = str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
        if status == 404 or NO_LABEL in words:
            raise not_found(self.target, self._states(), words)
        transient = status in (429, 502, 503, 504)
        raise failure(self.target, signature, status == 400, transient, words)

    def _states(self) -> dict[int, str] | None:
        status, answer = self._send(self.model_url)
        if status != 200 or not isinstance(answer, dict):
            return None
        rows = answer.get("model_version_status", [])
        return {int(row["version"]): row["state"] for row in rows}

    def _send(self, url: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as response:
                return response.status, _json(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())
        except urllib.error.URLError as error:
            raise TransientError(f"{self.target.url}: no answer ({error.reason})") from None
        except (OSError, http.client.HTTPException) as error:
            words = str(error) or type(error).__name__
            raise TransientError(f"{self.target.url}: the connection broke ({words})") from None


def _instance(value: Value) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return value if isinstance(value, str) else value.tolist()


def _row(answer: Any, target: Target) -> dict[str, Any]:
    try:
        (row,) = answer["predictions"]
        return dict(row)
    except (KeyError, TypeError, ValueError):
        raise not_ours(target) from None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:200]
