"""Log records on stderr: one line each for people, or one JSON object each. The app's own records pass through as they are."""

import json
import logging
from datetime import UTC, datetime

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "taskName"}


class _Human(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        line = f"{moment} {record.levelname:<7} {record.name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure(style: str, level: str) -> None:
    """Records from `level` on go to stderr in that style. The SDKs' own chatter needs DEBUG; in Azure, host.json filters it."""
    output = logging.StreamHandler()
    output.setFormatter(_Json() if style == "json" else _Human())
    root = logging.getLogger()
    root.addHandler(output)
    root.setLevel(level)
    if level != "DEBUG":
        for name in ("azure", "azure.functions", "aiohttp.access"):
            logging.getLogger(name).setLevel(logging.WARNING)
