"""The log in files. Door: `filelog.FileLog`, `settings.FileLogSettings`; format in
docs/specs/log.md."""

from crossdock.log.file.filelog import FileLog
from crossdock.log.file.settings import FileLogSettings

__all__ = ["FileLog", "FileLogSettings"]
