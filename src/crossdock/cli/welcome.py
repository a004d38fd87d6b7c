"""What `serve --demo` tells people to look at."""


def demo_text(data: str) -> str:
    """Commands that show the sample shop's events on their way."""
    return f"""
A sample shop sends events to itself. In another terminal, look at them:
  crossdock ledger --data {data}
  crossdock trace MESSAGE_ID --data {data}       (ids stand in {data}/demo/received.jsonl)
  crossdock warehouse sync demo --data {data}
  crossdock warehouse history demo --data {data}
  crossdock doctor --data {data}
Ctrl-C stops it; the data stays."""
