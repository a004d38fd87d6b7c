"""Where things stand in the data folder. One place, so that backup and doctor miss nothing."""

from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below `root`; making one touches nothing."""

    root: Path

    @property
    def format_file(self) -> Path:
        """Holds FORMAT_VERSION; newer data is refused."""
        return self.root / "format"

    @property
    def lock(self) -> Path:
        """Held (flock) by the one `serve` that owns this folder."""
        return self.root / "serve.lock"

    @property
    def log(self) -> Path:
        """`log/<topic>/<partition>/`: segments of the file log."""
        return self.root / "log"

    @property
    def index(self) -> Path:
        """`index/<partition>/`: messageId fingerprints to positions; can be rebuilt."""
        return self.root / "index"

    @property
    def state_file(self) -> Path:
        return self.root / "state.sqlite3"

    @property
    def warehouses(self) -> Path:
        """DuckDB files of embedded warehouses, `<slug>-events.duckdb`: with
        its hyphen the name cannot be a schema's, which would make `shop.tracks` ambiguous."""
        return self.root / "warehouses"

    @property
    def snapshot(self) -> Path:
        """The last published snapshot: what a collector starts from."""
        return self.root / "snapshot.json"

    @property
    def key_file(self) -> Path:
        return self.root / "secret.key"

    @property
    def key_lock(self) -> Path:
        """Held (flock) while the key is rotated, and shared while it is copied with the data."""
        return self.root / "secret.lock"

    @property
    def run(self) -> Path:
        """Sockets, pid files and acknowledgements of live processes; emptied at start."""
        return self.root / "run"

    @property
    def metrics(self) -> Path:
        """prometheus-client's multiprocess files; emptied at start."""
        return self.run / "metrics"

    def state_url(self, configured: str) -> str:
        return configured or f"sqlite:///{self.state_file}"
